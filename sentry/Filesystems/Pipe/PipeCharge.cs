using Sandbox.Linux;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Security;

namespace Sandbox.Sentry.Filesystems.Pipe;

/// <summary>
/// What one pipe takes of its container and of the user who made it (pipe(7), pipe-user-pages-soft and -hard), while it
/// has an end that is open. Guarded by the pipe's lock.
/// </summary>
internal sealed class PipeCharge(MemoryAccount account, Credentials maker)
{
    private const int PageBytes = 4096, DefaultPages = PipeBuffer.DefaultBytes / PageBytes, LeastPages = 2;

    private int _pages;

    /// <summary>Who is charged.</summary>
    public MemoryAccount Account => account;

    /// <summary>
    /// Charges for a new pipe and gives its capacity in bytes: less than the usual for a user who has many. ENFILE.
    /// </summary>
    public Result<int> Begin()
    {
        if (!account.TryChargeObject(ObjectCost.Pipe))
            return Errno.ENFILE;
        if (!TryTake(DefaultPages, KernelLimit.PipePagesSoft) && !TryTake(LeastPages, KernelLimit.PipePagesHard))
        {
            account.ReturnObject(ObjectCost.Pipe);
            return Errno.ENFILE;
        }

        return _pages * PageBytes;
    }

    /// <summary>
    /// The pipe is to hold so many bytes. EPERM if its user may not have so many; who may is asked of the caller.
    /// </summary>
    public Errno Resize(int bytes, Credentials caller)
    {
        int pages = bytes / PageBytes;
        if (pages <= _pages)
        {
            account.Users.Return(maker.UserId, UserResource.PipePages, _pages - pages);
            _pages = pages;
            return Errno.Ok;
        }

        bool isPrivileged = IsPrivileged(caller);
        if (bytes > account.Limits[KernelLimit.PipeMaxBytes] && !caller.Has(Capability.SysResource))
            return Errno.EPERM;
        long hard = isPrivileged ? long.MaxValue : LimitOf(KernelLimit.PipePagesHard);
        long soft = isPrivileged ? long.MaxValue : LimitOf(KernelLimit.PipePagesSoft);
        if (!account.Users.TryTake(maker.UserId, UserResource.PipePages, pages - _pages, Math.Min(hard, soft)))
            return Errno.EPERM;
        _pages = pages;
        return Errno.Ok;
    }

    /// <summary>The last end is closed.</summary>
    public void End()
    {
        account.Users.Return(maker.UserId, UserResource.PipePages, _pages);
        account.ReturnObject(ObjectCost.Pipe);
        _pages = 0;
    }

    private bool TryTake(int pages, KernelLimit limit)
    {
        long most = IsPrivileged(maker) ? long.MaxValue : Math.Min(LimitOf(limit), LimitOf(KernelLimit.PipePagesHard));
        if (!account.Users.TryTake(maker.UserId, UserResource.PipePages, pages, most))
            return false;
        _pages = pages;
        return true;
    }

    private long LimitOf(KernelLimit limit) => account.Limits[limit] is > 0 and long pages ? pages : long.MaxValue;

    private static bool IsPrivileged(Credentials credentials) =>
        credentials.Has(Capability.SysResource) || credentials.Has(Capability.SysAdmin);
}
