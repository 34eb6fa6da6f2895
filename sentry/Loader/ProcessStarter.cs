using Sandbox.Linux;
using Sandbox.Platform;
using Sandbox.Sentry.Kernel.Containers;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Seccomp;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Sync;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Loader;

/// <summary>A process to start from outside: a container's first, or one that <c>runsc exec</c> adds.</summary>
internal sealed record ProcessRequest
{
    public required Container Container { get; init; }
    /// <summary>What to execute, if it is not the first argument.</summary>
    public byte[]? Program { get; init; }
    public required List<byte[]> Arguments { get; init; }
    public required List<byte[]> Environment { get; init; }
    public required Credentials Credentials { get; init; }
    public required ResourceLimits Limits { get; init; }
    public required NamespaceSet Namespaces { get; init; }

    /// <summary>Root, working directory and umask; taken over.</summary>
    public required FsContext Fs { get; init; }

    /// <summary>Its descriptors; taken over.</summary>
    public required FdTable Files { get; init; }

    /// <summary>Its controlling terminal, or null.</summary>
    public ControllingTerminal? Terminal { get; init; }

    public int OomScoreAdjustment { get; init; }

    public Scheduling Scheduling { get; init; } = Scheduling.Default;

    /// <summary>The configuration's seccomp filter, or null.</summary>
    public SeccompState? Seccomp { get; init; }
}

/// <summary>Starts processes that no guest process made.</summary>
internal static class ProcessStarter
{
    /// <summary>
    /// Makes the process, stopped: <see cref="IGuestThread.Start"/> of its leader's thread lets it run. It leads a new
    /// session. ENOENT when the program is not found (also in PATH), EACCES, ENOEXEC….
    /// </summary>
    public static Result<ThreadGroup> Create(Kernel.Kernel kernel, ProcessRequest request, IExecutableOpener opener)
    {
        BootCaller caller = new(request.Credentials, request.Fs);
        if (Find(caller, opener, request).Failed(out (OpenFile File, byte[] Path) program, out Errno error))
            return error;
        ExecStrings strings = new(program.Path, request.Arguments, request.Environment);
        if (Executable.Resolve(caller, opener, program.File, ref strings).Failed(out Executable? executable, out error))
            return error;
        using (executable)
        {
            // A configuration names what the process has before its execve: root regains its bounding set,
            // as under runc.
            if (Exec.CredentialsFor(request.Credentials, executable.File).Failed(
                out ExecCredentials executed, out error))
                return error;
            request = request with { Credentials = executed.Credentials };
            Result<LoadedImage> loading =
                ImageLoader.Load(
                    kernel, request.Container, executable, strings, executed.Credentials, executed.IsSecure,
                    request.Limits);
            if (loading.Failed(out LoadedImage? image, out error))
                return error;
            Errno blind = request.Seccomp is { } seccomp
                ? SeccompInstall.ShowCalls(kernel, image.Thread, null, seccomp, onAllThreads: false)
                : Errno.Ok;
            Result<ThreadGroup> added = blind != Errno.Ok ? blind : Add(kernel, request, image);
            if (added.Error != Errno.Ok)
                image.Discard();
            return added;
        }
    }

    private static Result<ThreadGroup> Add(Kernel.Kernel kernel, ProcessRequest request, LoadedImage image)
    {
        using RankedLock.Scope _ = kernel.Tree.Enter();
        PidNamespace pids = request.Namespaces.PidForChildren;
        if (kernel.TaskCount >= kernel.MaxTasks)
            return Errno.EAGAIN;
        if (pids.Allocate().Failed(out Pid? id, out Errno error))
            return error;

        Session session = new(id);
        ProcessGroup processGroup = new(id, session);
        session.Groups.Add(processGroup);
        ThreadGroup group = new(kernel, id, processGroup, new SignalHandlers(), request.Limits)
        {
            Executions = 1,
            OomScoreAdjustment = request.OomScoreAdjustment,
            OomScoreAdjustmentMin = request.OomScoreAdjustment,
        };
        image.Memory.Owner = group;
        session.Leader = group;
        processGroup.Members.Add(group);
        (id.Session, id.ProcessGroup, id.ThreadGroup) = (session, processGroup, group);
        Task task = new(
            kernel,
            group,
            id,
            image.Thread,
            new TaskResources(image.Memory, request.Fs, request.Files, request.Credentials, request.Namespaces))
        {
            Name = image.CommandName,
            Seccomp = request.Seccomp,
            Scheduling = request.Scheduling,
        };
        id.Task = task;
        group.Leader = task;
        group.Tasks.Add(task);
        kernel.TaskCount++;
        request.Container.TaskCount++;
        pids.Init ??= group;
        request.Container.Init ??= group;
        if (request.Container.IsPaused)
            task.Notify();
        if (request.Terminal is { } terminal)
        {
            session.Terminal = terminal;
            terminal.Session = session;
            terminal.Foreground = processGroup;
        }

        return group;
    }

    // As execvp(3) does, with the PATH of the process's own environment.
    private static Result<(OpenFile, byte[])> Find(ICaller caller, IExecutableOpener opener, ProcessRequest request)
    {
        if (request.Arguments.Count == 0)
            return Errno.EINVAL;
        byte[] name = request.Program ?? request.Arguments[0];
        if (name.AsSpan().Contains((byte)'/'))
        {
            return opener.OpenExecutable(caller, name).Failed(out OpenFile? file, out Errno error)
                ? error
                : (file, name);
        }

        Errno last = Errno.ENOENT;
        ReadOnlySpan<byte> path = PathOf(request.Environment);
        foreach (Range range in path.Split((byte)':'))
        {
            ReadOnlySpan<byte> directory = path[range];
            byte[] candidate = [.. directory.IsEmpty ? "."u8 : directory, (byte)'/', .. name];
            if (!opener.OpenExecutable(caller, candidate).Failed(out OpenFile? file, out Errno error))
                return (file, candidate);
            if (error == Errno.EACCES)
                last = error;
        }

        return last;
    }

    private static ReadOnlySpan<byte> PathOf(List<byte[]> environment)
    {
        foreach (byte[] entry in environment)
        {
            if (entry.AsSpan().StartsWith("PATH="u8))
                return entry.AsSpan(5);
        }

        return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"u8;
    }
}

/// <summary>
/// Stands for the process that is to be, while its program is looked up: it has credentials and a root, but no memory.
/// </summary>
internal sealed class BootCaller(Credentials credentials, FsContext fs) : ICaller
{
    public Credentials Credentials => credentials;

    /// <summary>
    /// There is none: nothing that reads guest memory may be called on behalf of a process that does not run.
    /// </summary>
    public UserMemory Memory => throw new InvalidOperationException("a process that has not started has no memory");

    public FsContext Fs => fs;

    public Sleeper Sleeper { get; } = new();
}
