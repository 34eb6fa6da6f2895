using Sandbox.Linux;

namespace Sandbox.Gofer;

/// <summary>A readable directory descriptor and the cookie its position stands at.</summary>
internal sealed class DirectoryStream(HostFd fd) : IDisposable
{
    private long _position;

    public int Fd => fd.Number;

    /// <summary>Moves to a cookie an earlier read ended with. Errors: EINVAL.</summary>
    public Errno MoveTo(long cookie)
    {
        if (cookie == _position)
            return Errno.Ok;
        if (cookie < 0)
            return Errno.EINVAL;
        if (HostFile.Seek(fd.Number, cookie, SeekWhence.Set).Failed(out _, out Errno error))
            return error;
        _position = cookie;
        return Errno.Ok;
    }

    /// <summary>Remembers where getdents64 left the descriptor.</summary>
    public void MovedTo(long cookie) => _position = cookie;

    public void Dispose() => fd.Dispose();
}
