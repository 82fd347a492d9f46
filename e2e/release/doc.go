// Package release holds what a release hands to package managers to the rules of those: the manifests that goreleaser writes for winget, Scoop and Homebrew, and that what they name is
// what was built. testdata has what goreleaser v2.15 made of .goreleaser.yaml; with -dist the tests look at a directory that it has just made:
//
//	goreleaser release --snapshot --clean --skip=publish,docker,sbom,before && go test ./e2e/release -dist "$PWD/dist"
package release
