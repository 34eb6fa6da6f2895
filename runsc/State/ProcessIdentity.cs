using System.Globalization;
using System.Text;
using Sandbox.Linux;

namespace Sandbox.Runsc.State;

/// <summary>
/// A host process by id and start time, so that a recycled id is not mistaken for it. A zombie counts as dead: whoever
/// should reap it may take seconds.
/// </summary>
/// <param name="Id">Process id; 0 for none.</param>
/// <param name="StartTime">Field 22 of /proc/PID/stat: clock ticks since boot.</param>
internal readonly record struct ProcessIdentity(int Id, ulong StartTime)
{
    /// <summary>True if the process is there and no zombie.</summary>
    public bool IsAlive => Id > 0 && Read(Id) is { } now && now.StartTime == StartTime;

    /// <summary>The process that has this id now; none if it is gone.</summary>
    public static ProcessIdentity Of(int id) =>
        Read(id) is { } found ? new ProcessIdentity(id, found.StartTime) : default;

    /// <summary>A pidfd of exactly this process; ESRCH if it is dead.</summary>
    public Result<HostFd> Open()
    {
        if (Id <= 0)
            return Errno.ESRCH;
        Result<int> opened = HostSyscall.AsInt(HostSyscall.Call(Sys.pidfd_open, Id));
        if (opened.Failed(out int fd, out Errno error))
            return error == Errno.EINVAL ? Errno.ESRCH : error;
        if (IsAlive) // Checked after the open: the id cannot be another process's now.
            return new HostFd(fd);
        HostFile.Close(fd);
        return Errno.ESRCH;
    }

    private static ProcessIdentity? Read(int id)
    {
        const int stateField = 0, startTimeField = 19; // Counted from behind the command's closing parenthesis.
        string path = string.Create(CultureInfo.InvariantCulture, $"/proc/{id}/stat");
        if (HostFile.OpenAt(HostFile.CurrentDirectory, Encoding.ASCII.GetBytes(path), OpenFlags.CloseOnExec).Failed(
            out int file, out _))
            return null;
        Span<byte> buffer = stackalloc byte[1024];
        bool failed = HostFile.Read(file, buffer).Failed(out int length, out _);
        HostFile.Close(file);
        if (failed)
            return null;
        string text = Encoding.ASCII.GetString(buffer[..length]);
        string[] fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
        if (fields.Length <= startTimeField || fields[stateField] is "Z" or "X")
            return null;
        return ulong.TryParse(fields[startTimeField], NumberStyles.None, CultureInfo.InvariantCulture, out ulong start)
            ? new ProcessIdentity(id, start)
            : null;
    }
}
