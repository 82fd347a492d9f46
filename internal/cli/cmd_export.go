package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/joshuaaferguson/apexd/internal/config"
	"github.com/joshuaaferguson/apexd/internal/export"
	"github.com/joshuaaferguson/apexd/internal/project"
)

func newExportCmd(a *app) *cobra.Command {
	var (
		o      export.Options
		output string
	)
	cmd := &cobra.Command{
		Use:   "export engine [flags] [-- command [args]]",
		Short: "Write the configuration as a container engine wants it",
		Long: `Print the daemon's configuration for an engine that runs containers: kubernetes, compose, nomad or quadlet (a systemd unit of Podman's). In
each, "apexd run" is the container's first process: the engine keeps the container, and apexd the workload in it (docs/engines.md).

The image is yours: the project, what its command needs, and apexd. Secrets are named and never written. What the engine cannot say is a comment in the
file, and is repeated on standard error. Nothing is asked of an engine.

--output writes it, in one step, to a file, or into a directory under the name that the engine looks for; done again it shows what has changed. A file that is not of this
daemon is refused.

Exit status: 0 done, 1 it could not be written, 2 no such engine, 78 the configuration is wrong, or says what the engine could not be told.`,
		Example: "  apexd export kubernetes --image registry.example.org/shop:1.2 --port 8080 > shop.yaml\n  apexd export compose --output .",
		RunE: func(cmd *cobra.Command, args []string) error {
			dash := cmd.ArgsLenAtDash()
			if dash < 0 {
				dash = len(args)
			}
			if dash != 1 {
				return usageError("name one engine: "+engines(), "")
			}
			return a.export(export.Engine(args[0]), o, output, args[1:])
		},
		ValidArgsFunction: completeEngine,
	}
	f := cmd.Flags()
	f.StringVar(&o.Image, "image", "", "the container `image` (default: the project's short name, :latest)")
	f.StringVar(&o.Path, "path", "", "where the project is in the image, as an absolute `path` (default "+export.DefaultPath+")")
	f.IntSliceVar(&o.Ports, "port", nil, "a TCP `port` on which the workload answers the world; may be given again")
	f.StringVar(&output, "output", "", "write to `path`, a file or directory, and print what has changed")
	return cmd
}

// completeEngine completes the one engine, and after "--" files.
func completeEngine(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return arguments(cmd, args, word)
	}
	return strings.Split(engines(), ", "), cobra.ShellCompDirectiveNoFileComp
}

func engines() string {
	var names []string
	for _, e := range export.Engines() {
		names = append(names, string(e))
	}
	return strings.Join(names, ", ")
}

func (a *app) export(e export.Engine, o export.Options, output string, command []string) error {
	if !strings.Contains(", "+engines()+",", " "+string(e)+",") {
		return usageError("there is no engine "+quote(string(e)), "one of "+engines())
	}
	t, err := a.find()
	if err != nil {
		return err
	}
	t.in.Command = command
	c, err := config.Load(t.in)
	if err != nil {
		return err
	}
	for _, w := range c.Warnings {
		a.warn(w)
	}
	d := exported(c, t.config)
	d.Key = project.Key(t.Ref.Project, t.Ref.Path)
	doc, err := export.Render(e, d, o)
	if err != nil {
		return err
	}
	answer := map[string]any{"engine": e, "text": doc.Text, "notes": append([]export.Note{}, doc.Notes...)}
	if output != "" {
		f, err := planExport(output, e, d.Key, doc.Text)
		if err == nil && f.changes() {
			err = f.write()
		}
		if err != nil {
			return err
		}
		a.warnNotes(doc)
		answer["path"], answer["changed"] = f.path, f.changes()
		return a.answer(answer, "%s", f.said())
	}
	if a.json {
		return a.printJSON(answer)
	}
	a.warnNotes(doc)
	_, err = a.out.WriteString(doc.Text)
	return err
}

// warnNotes says what the engine cannot say; in JSON it is a part of the answer.
func (a *app) warnNotes(doc export.Document) {
	for _, n := range doc.Notes {
		if !a.json {
			a.warn(n.Key + ": " + n.Text)
		}
	}
}

// exported is what c says, and which of it the image will not have. file is the project's own configuration, which the image has.
func exported(c *config.Config, file string) export.Daemon {
	d := export.Daemon{Spec: c.Spec}
	for _, v := range c.Values {
		if v.Key == "environmentFile" { // "" where there is none
			d.EnvFile, d.EnvFileNamed = text(v.Value), v.Source != "default"
		}
	}
	for _, v := range c.Values {
		inImage := v.Source == "default" || strings.HasPrefix(v.Source, file+":")
		secret := d.EnvFile != "" && strings.HasPrefix(v.Source, d.EnvFile+":")
		moved := v.Key == "pidFile" || v.Key == "logFile" || v.Key == "command" && c.Spec.FromArgs
		if !inImage && !secret && !moved {
			d.Elsewhere = append(d.Elsewhere, export.Source{Key: v.Key, From: v.Source})
		}
	}
	return d
}

func text(v any) string {
	s, _ := v.(string)
	return s
}
