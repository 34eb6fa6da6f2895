using System.Formats.Tar;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Sandbox.Linux;

namespace Sandbox.Harness;

/// <summary>
/// An image of one layer, made from a folder on this machine: nothing is pulled. Its archive is what `docker save`
/// writes, which `ctr image import`, `podman load` and `docker load` all take, and which carries the image's name.
/// </summary>
/// <param name="Name">With registry and tag: "localhost/busybox:latest".</param>
/// <param name="Root">The folder that becomes the root file system.</param>
/// <param name="Command">What runs if the caller names nothing.</param>
public sealed record ContainerImage(string Name, string Root, params string[] Command)
{
    private const string PauseSource =
        """
        #include <signal.h>
        #include <stdlib.h>
        #include <sys/wait.h>
        #include <unistd.h>
        static void end(int signal) { (void)signal; _exit(0); }
        static void reap(int signal) { (void)signal; while (waitpid(-1, 0, WNOHANG) > 0) {} }
        int main(void)
        {
            signal(SIGINT, end);
            signal(SIGTERM, end);
            signal(SIGCHLD, reap);
            for (;;)
                pause();
        }
        """;

    /// <summary>UID[:GID] of its processes; empty for root.</summary>
    public string User { get; init; } = string.Empty;

    /// <summary>Put before the command; what callers give replaces the command only.</summary>
    public IReadOnlyList<string> Entrypoint { get; init; } = [];

    /// <summary>localhost/busybox:latest: the busybox root, with a shell.</summary>
    public static ContainerImage Busybox => new("localhost/busybox:latest", Checkout.BusyboxRoot, "sh");

    /// <summary>localhost/debian:latest: the Debian root, with a shell.</summary>
    public static ContainerImage Debian => new("localhost/debian:latest", Checkout.DebianRoot, "bash");

    /// <summary>
    /// localhost/pause:latest: a static program that waits for SIGTERM and reaps orphans,
    /// as the first container of a pod does.
    /// </summary>
    /// <param name="folder">Where its root is made; must not exist.</param>
    public static ContainerImage Pause(string folder)
    {
        Directory.CreateDirectory(folder);
        string source = folder + ".c";
        File.WriteAllText(source, PauseSource);
        HostResult built = HostProgram.Run(
            ["gcc", "-static", "-Os", "-s", "-o", System.IO.Path.Combine(folder, "pause"), source],
            TimeSpan.FromMinutes(2));
        return built.Status == 0
            ? new ContainerImage("localhost/pause:latest", folder, "/pause")
            : throw new InvalidOperationException($"gcc: {built}");
    }

    /// <summary>Writes the archive.</summary>
    public void WriteArchive(string file)
    {
        string layer = file + ".layer";
        WriteLayer(layer);
        using FileStream content = File.OpenRead(layer);
        string digest = Convert.ToHexStringLower(SHA256.HashData(content));
        content.Position = 0;
        byte[] config = System.Text.Encoding.UTF8.GetBytes(Config(digest).ToJsonString());
        string configName = $"{Convert.ToHexStringLower(SHA256.HashData(config))}.json",
            layerName = $"{digest}/layer.tar";
        JsonArray manifest =
        [
            new JsonObject
            {
                ["Config"] = configName,
                ["RepoTags"] = Bundle.Strings(Name),
                ["Layers"] = Bundle.Strings(layerName),
            },
        ];
        using (FileStream archive = File.Create(file))
        using (TarWriter tar = new(archive, TarEntryFormat.Ustar))
        {
            tar.WriteEntry(new UstarTarEntry(TarEntryType.Directory, digest + "/") { Mode = (UnixFileMode)Modes.O755 });
            WriteFile(tar, layerName, content);
            WriteFile(tar, configName, new MemoryStream(config));
            WriteFile(tar, "manifest.json", new MemoryStream(
                System.Text.Encoding.UTF8.GetBytes(manifest.ToJsonString())));
        }

        File.Delete(layer);
    }

    /// <summary>By tar(1), which keeps links between files, extended attributes and owners.</summary>
    private void WriteLayer(string file)
    {
        HostResult packed = HostProgram.Run(
            ["tar", "--create", "--numeric-owner", "--one-file-system", "--sort=name", "--file", file, "--directory",
                Root + "/", "."],
            TimeSpan.FromMinutes(10));
        if (packed.Status != 0)
            throw new InvalidOperationException($"tar: {packed}");
    }

    private static void WriteFile(TarWriter tar, string name, Stream content) =>
        tar.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, name) { Mode = (UnixFileMode)Modes.O644, DataStream =
            content });

    private JsonObject Config(string layerDigest) => new()
    {
        ["architecture"] = "amd64",
        ["os"] = "linux",
        ["created"] = "2026-01-01T00:00:00Z",
        ["config"] = new JsonObject
        {
            [nameof(User)] = User,
            ["Env"] = Bundle.Strings("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
            [nameof(Entrypoint)] = Entrypoint.Count == 0 ? null : Bundle.Strings([.. Entrypoint]),
            ["Cmd"] = Bundle.Strings(Command),
            ["WorkingDir"] = "/",
        },
        ["rootfs"] = new JsonObject { ["type"] = "layers", ["diff_ids"] = Bundle.Strings("sha256:" + layerDigest) },
        ["history"] = new JsonArray(new JsonObject { ["created"] = "2026-01-01T00:00:00Z", ["created_by"] = "tests" }),
    };
}
