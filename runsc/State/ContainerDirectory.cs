using System.Text;
using System.Text.Json;
using Sandbox.Linux;
using Sandbox.Runsc.CommandLine;

namespace Sandbox.Runsc.State;

/// <summary>
/// One container's directory, held under its lock until disposed. Files: state.json (replaced atomically), config.json
/// (the bundle's, as it was at create), lock, control.sock (the sandbox's,
/// in the directory of the sandbox's own container).
/// </summary>
internal sealed class ContainerDirectory : IDisposable
{
    public const string LockName = "lock";
    private const string ExecutionsFolder = "executions";

    private readonly HostFd _lock;

    public ContainerDirectory(string path, bool isNew)
    {
        const int exclusive = 2;
        const OpenFlags flags = OpenFlags.ReadWrite | OpenFlags.CloseOnExec | OpenFlags.Create;
        DirectoryPath = path;
        if (HostFile.OpenAt(HostFile.CurrentDirectory, Utf8(LockName), flags, Modes.O600).Failed(
            out int fd, out Errno error))
            throw error == Errno.ENOENT
            ? new DirectoryNotFoundException(path)
            : new Failure($"open {path}/lock: {error}");
        _lock = new HostFd(fd);
        HostSyscall.CallRetrying(Sys.flock, fd, exclusive);
        if (isNew || Directory.Exists(path))
            return;
        _lock.Dispose();
        throw new DirectoryNotFoundException(path);
    }

    public string DirectoryPath { get; }

    public string Id => Path.GetFileName(DirectoryPath);

    /// <summary>The recorded state; null if create did not get so far.</summary>
    public ContainerState? TryLoad() => Peek(DirectoryPath);

    /// <summary>
    /// The same without the lock, for those who only look: the file is replaced as a whole,
    /// and a hook of a create that goes on may ask.
    /// </summary>
    public static ContainerState? Peek(string directory)
    {
        try
        {
            return JsonSerializer.Deserialize(
                File.ReadAllBytes(Path.Combine(directory, "state.json")), StateJson.Default.ContainerState);
        }
        catch (Exception missing) when (missing is JsonException or FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <summary>True while some command works on the container.</summary>
    public static bool IsLocked(string directory)
    {
        const int shared = 1, noWait = 4;
        byte[] path = Encoding.UTF8.GetBytes(Path.Combine(directory, "lock"));
        if (HostFile.OpenAt(HostFile.CurrentDirectory, path, OpenFlags.ReadWrite | OpenFlags.CloseOnExec).Failed(
            out int fd, out _))
            return false;
        using HostFd file = new(fd);
        return HostSyscall.ErrorOf(HostSyscall.CallRetrying(Sys.flock, fd, shared | noWait)) == Errno.EAGAIN;
    }

    /// <summary>The recorded state; a container whose creation never finished does not exist for its callers.</summary>
    public ContainerState Load() => TryLoad() ?? throw new Failure($"container \"{Id}\" does not exist");

    /// <summary>Replaces state.json in one step.</summary>
    public void Save(ContainerState state) =>
        Replace(Path.Combine(DirectoryPath, "state.json"), JsonSerializer.SerializeToUtf8Bytes(
            state, StateJson.Default.ContainerState));

    /// <summary>Keeps the configuration for later commands (hooks).</summary>
    public void SaveConfig(byte[] json) => File.WriteAllBytes(Path.Combine(DirectoryPath, "config.json"), json);

    /// <summary>The kept configuration, or null.</summary>
    public byte[]? LoadConfig()
    {
        string file = Path.Combine(DirectoryPath, "config.json");
        return File.Exists(file) ? File.ReadAllBytes(file) : null;
    }

    /// <summary>
    /// Remembers the monitor of an exec for <see cref="Executions"/>: an empty file named after it, so that no lock is
    /// needed. Nobody tells of its end: when there are many, those that are over are forgotten.
    /// </summary>
    public static void RecordExecution(string directory, ProcessIdentity monitor)
    {
        const int unsweptMax = 32;
        string folder = Path.Combine(directory, ExecutionsFolder);
        try
        {
            // Not with its parents: that would bring back the directory of a container that is being deleted.
            HostDirectory.MakeDirectory(HostFile.CurrentDirectory, Encoding.UTF8.GetBytes(folder + '\0'), Modes.O700);
            File.WriteAllBytes(Path.Combine(folder, $"{monitor.Id}.{monitor.StartTime}"), []);
            if (Directory.GetFiles(folder).Length > unsweptMax)
                Executions(directory);
        }
        catch (IOException)
        {
            // The container was deleted meanwhile, and the process with it.
        }
    }

    /// <summary>The monitors of all execs that still run; forgets those that do not.</summary>
    public static List<ProcessIdentity> Executions(string directory)
    {
        List<ProcessIdentity> alive = [];
        string folder = Path.Combine(directory, ExecutionsFolder);
        foreach (string file in ExecutionFiles(folder))
        {
            string[] parts = Path.GetFileName(file).Split('.');
            bool isKnown = parts.Length == 2 & int.TryParse(parts[0], out int id) & ulong.TryParse(
                parts[^1], out ulong startTime);
            ProcessIdentity monitor = new(id, startTime);
            if (isKnown && monitor.IsAlive)
                alive.Add(monitor);
            else
                // Others may be faster.
                _ = HostDirectory.Unlink(HostFile.CurrentDirectory, Encoding.UTF8.GetBytes(file + '\0'), AtFlags.None);
        }

        alive.Sort(static (one, other) => one.Id.CompareTo(other.Id));
        return alive;
    }

    private static string[] ExecutionFiles(string folder)
    {
        try
        {
            return Directory.GetFiles(folder);
        }
        catch (DirectoryNotFoundException)
        {
            return []; // There was none yet, or the container is gone.
        }
    }

    /// <summary>Writes a file so that nobody ever sees half of it.</summary>
    public static void Replace(string file, byte[] content)
    {
        string temporary = $"{file}.{Environment.ProcessId}.tmp";
        File.WriteAllBytes(temporary, content);
        File.Move(temporary, file, overwrite: true);
    }

    /// <summary>Removes the directory with all that is in it.</summary>
    public void Remove()
    {
        const int attemptsMax = 100;
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                Directory.Delete(DirectoryPath, recursive: true);
                return;
            }
            catch (DirectoryNotFoundException)
            {
                return; // Somebody removed it by hand.
            }
            catch (IOException) when (attempt < attemptsMax)
            {
                Thread.Sleep(1); // An exec that was under way has just left its record there.
            }
        }
    }

    public void Dispose() => _lock.Dispose();

    private byte[] Utf8(string name) => Encoding.UTF8.GetBytes(Path.Combine(DirectoryPath, name));
}
