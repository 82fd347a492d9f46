package apiserver

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

const (
	plainText   = "text/plain; charset=utf-8"
	jsonText    = "application/json"
	metricsText = "text/plain; version=0.0.4; charset=utf-8"
)

const index = `apexd API

/healthz  200 while the daemon runs
/readyz   200 when it is ready, else 503
/status   what "apexd status --json" prints
/metrics  Prometheus text format
`

type api struct {
	status  func() service.Status
	version string
}

// response is one whole answer.
type response struct {
	code  int
	kind  string // Content-Type
	allow string // Allow, or ""
	body  []byte
}

func text(code int, body string) response {
	return response{code: code, kind: plainText, body: []byte(body)}
}

// respond answers a request.
func (a api) respond(r request) response {
	endpoint := a.endpoint(r.path)
	switch {
	case endpoint == nil:
		return text(404, "no such page; / has a list")
	case r.method != "GET" && r.method != "HEAD":
		refused := text(405, "this API can only be read")
		refused.allow = "GET, HEAD"
		return refused
	default:
		return endpoint()
	}
}

// endpoint is the whole API; nil for a path that is not in it.
func (a api) endpoint(path string) func() response {
	switch path {
	case "/":
		return func() response { return text(200, index) }
	case "/healthz":
		return func() response { return text(200, "ok") }
	case "/readyz":
		return a.readyz
	case "/status":
		return a.statusJSON
	case "/metrics":
		return a.metrics
	default:
		return nil
	}
}

func (a api) readyz() response {
	st := a.status()
	if st.Ready != nil && *st.Ready {
		return text(200, "ready")
	}
	return text(503, "not ready: "+string(st.State))
}

func (a api) statusJSON() response {
	b, err := json.Marshal(a.status())
	if err != nil {
		return text(500, "cannot encode the status: "+err.Error())
	}
	return response{code: 200, kind: jsonText, body: b}
}

func (a api) metrics() response {
	return response{code: 200, kind: metricsText, body: render(a.status(), a.version, measure())}
}

// appendTo appends the answer to b as it is sent, for HEAD without its body. No browser interprets or keeps what it gets, and every client
// knows by the length whether it has got all.
func (r response) appendTo(b []byte, now time.Time, head bool) []byte {
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(r.code), 10)
	b = append(b, " "+reason(r.code)+"\r\nDate: "...)
	b = now.UTC().AppendFormat(b, "Mon, 02 Jan 2006 15:04:05 GMT")
	b = append(b, "\r\nConnection: close\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\nContent-Type: "+r.kind...)
	if r.allow != "" {
		b = append(b, "\r\nAllow: "+r.allow...)
	}
	b = append(b, "\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(r.body)), 10)
	b = append(b, "\r\n\r\n"...)
	if head {
		return b
	}
	return append(b, r.body...)
}

// reason is the phrase of RFC 9110, section 15, for a code that we send.
func reason(code int) string {
	switch code {
	case 200:
		return "OK"
	case 400:
		return "Bad Request"
	case 403:
		return "Forbidden"
	case 404:
		return "Not Found"
	case 405:
		return "Method Not Allowed"
	case 431:
		return "Request Header Fields Too Large"
	case 500:
		return "Internal Server Error"
	case 501:
		return "Not Implemented"
	case 503:
		return "Service Unavailable"
	case 505:
		return "HTTP Version Not Supported"
	default:
		return "" // RFC 9112, section 4: the phrase may be empty, the space before it stays
	}
}
