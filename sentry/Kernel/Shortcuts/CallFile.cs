using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Kernel.Shortcuts;

/// <summary>
/// The open file that a call works on. A call that waits without a thread is made again from its start, but on the file
/// it began with, as Linux's does: whatever another thread does to the descriptor meanwhile (close(2), dup2(2)). Only
/// the task's own handler uses it.
/// </summary>
internal struct CallFile
{
    private OpenFile? _kept;

    /// <summary>The file, with a reference that <see cref="End"/> takes back. EBADF.</summary>
    public Result<OpenFile> Begin(Task task, Fd fd)
    {
        if (_kept is not { } file)
            return task.Files.Get(fd);
        _kept = null;
        return file;
    }

    /// <summary>The call has ended, or is deferred.</summary>
    public void End(Task task, OpenFile file)
    {
        if (task.Sleeper.IsDeferred)
            _kept = file;
        else
            file.Release();
    }

    /// <summary>The deferred call will not be made again.</summary>
    public void Forget()
    {
        _kept?.Release();
        _kept = null;
    }
}
