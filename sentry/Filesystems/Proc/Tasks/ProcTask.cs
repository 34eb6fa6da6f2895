using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Proc.Tasks;

/// <summary>The process, or (with a thread) the one thread, that a directory of /proc shows.</summary>
internal sealed class ProcTask(ProcFileSystem proc, ThreadGroup group, Task? thread)
{
    public ProcFileSystem Proc { get; } = proc;

    public Kernel.Kernel Kernel => Proc.Kernel;

    public ThreadGroup Group { get; } = group;

    /// <summary>Null for the directory of the whole process.</summary>
    public Task? Thread { get; } = thread;

    /// <summary>The thread shown; of a process the main thread, or another that still lives.</summary>
    public Task Task
    {
        get
        {
            if (Thread is not null)
                return Thread;
            if (!Group.Leader.IsExited)
                return Group.Leader;
            using (Kernel.Tree.Enter())
                return Group.Tasks.Count > 0 ? Group.Tasks[0] : Group.Leader;
        }
    }

    /// <summary>
    /// The process was reaped, or the thread has ended; a main thread stays, as a zombie, as long as its process.
    /// </summary>
    public bool IsGone => Group.IsReaped || (Thread is { IsExited: true } && Thread != Group.Leader);

    /// <summary>
    /// Everything has ended but the exit status: there is no memory, no files, no directory any more.
    /// </summary>
    public bool IsZombie => Group.IsZombie || Task.IsExited;

    /// <summary>
    /// Owner of the files: the task's effective user, or root where others must not look (proc(5), /proc/PID).
    /// </summary>
    public uint OwnerUserId => Task.GuestMemory.IsDumpable ? Task.Credentials.EffectiveUserId : 0;

    public uint OwnerGroupId => Task.GuestMemory.IsDumpable ? Task.Credentials.EffectiveGroupId : 0;

    /// <summary>A pid as this /proc shows it, or 0.</summary>
    public int NumberOf(Pid? pid) => pid?.In(Proc.Pids) ?? 0;

    /// <summary>A file of the host's /proc of the stub, or nothing if the memory is gone.</summary>
    public ReadOnlySpan<byte> ReadHostFile(ReadOnlySpan<byte> name)
    {
        if (IsZombie)
            return default;
        return Task.GuestMemory.Space.ReadProcFile(name).Failed(out byte[]? text, out _) ? default : text;
    }

    /// <summary>The state letter of proc(5).</summary>
    public char StateFor(ICaller reader)
    {
        Task task = Task;
        if (Group.IsZombie)
            return 'Z';
        if (task.IsExited)
            return Thread is null || Thread == Group.Leader ? 'Z' : 'X';
        if (task.IsStopped)
            return 'T';

        // A task that is not in a call runs; one that is in a call hardly ever computes, it waits.
        return task == reader || (task.SyscallNumber < 0 && !task.IsSleeping) ? 'R' : 'S';
    }

    public static string DescribeState(char state) => state switch
    {
        'R' => "R (running)",
        'T' => "T (stopped)",
        'Z' => "Z (zombie)",
        'X' => "X (dead)",
        _ => "S (sleeping)",
    };
}
