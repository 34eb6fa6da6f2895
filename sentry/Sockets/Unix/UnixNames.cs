using System.Globalization;
using System.Text;
using Sandbox.Linux;
using Sandbox.Sentry.Sync;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Sockets.Unix;

/// <summary>The abstract names of one network namespace (unix(7)).</summary>
internal sealed class UnixNames
{
    private const int AutobindNames = 1 << 20;

    private readonly RankedLock _lock = new(LockRank.Leaf);
    private readonly Dictionary<FileName, Socket> _names = new(FileName.Comparer); // Guarded by _lock.
    private int _lastAutobind;

    /// <summary>EADDRINUSE.</summary>
    public Errno Add(ReadOnlySpan<byte> name, Socket socket)
    {
        using (_lock.Enter())
            return _names.TryAdd(new FileName(name), socket) ? Errno.Ok : Errno.EADDRINUSE;
    }

    /// <summary>Gives a socket a name of five hexadecimal digits that nobody has. ENOSPC.</summary>
    public Result<byte[]> AddAutomatic(Socket socket)
    {
        using (_lock.Enter())
        {
            for (int tries = 0; tries < AutobindNames; tries++)
            {
                _lastAutobind = (_lastAutobind + 1) % AutobindNames;
                byte[] name = Encoding.ASCII.GetBytes(_lastAutobind.ToString("x5", CultureInfo.InvariantCulture));
                if (_names.TryAdd(new FileName(name), socket))
                    return name;
            }

            return Errno.ENOSPC;
        }
    }

    /// <summary>The socket of a name with a reference for the caller; ECONNREFUSED.</summary>
    public Result<Socket> Find(ReadOnlySpan<byte> name)
    {
        using (_lock.Enter())
        {
            return _names.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(name, out Socket? socket)
                && socket.TryAddReference()
                ? socket
                : Errno.ECONNREFUSED;
        }
    }

    public void Remove(ReadOnlySpan<byte> name)
    {
        using (_lock.Enter())
            _names.GetAlternateLookup<ReadOnlySpan<byte>>().Remove(name);
    }
}
