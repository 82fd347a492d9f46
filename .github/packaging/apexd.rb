# The Homebrew formula, which compiles. `brew install --build-from-source ./apexd.rb`; a release fills url and sha256 in.
class Apexd < Formula
  desc "Keeps one project's long-running process up, and tells truly whether it is"
  homepage "https://github.com/joshuaaferguson/apexd"
  url "https://github.com/joshuaaferguson/apexd/archive/refs/tags/v0.0.0.tar.gz"
  sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  license "MIT"
  head "https://github.com/joshuaaferguson/apexd.git", branch: "main"

  depends_on "go" => :build

  def install
    ldflags = "-s -w -X github.com/joshuaaferguson/apexd/internal/version.release=#{version}"
    system "go", "build", *std_go_args(ldflags:)
    generate_completions_from_executable(bin/"apexd", "completion")
    system bin/"apexd", "man", buildpath
    man1.install Dir["apexd*.1"]
  end

  test do
    (testpath/".apex").mkpath
    system bin/"apexd", "start", "--", "sleep", "60"
    assert_match "running", shell_output("#{bin}/apexd status")
    system bin/"apexd", "stop"
  end
end
