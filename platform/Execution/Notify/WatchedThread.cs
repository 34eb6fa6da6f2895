using System.Buffers.Text;
using System.Globalization;
using Sandbox.Platform.Stubs;

namespace Sandbox.Platform.Notify;

/// <summary>What the <see cref="Watchdog"/> has seen of one thread since it came in last.</summary>
internal sealed class WatchedThread(GuestThread thread)
{
    /// <summary>More than the stub's own code ever uses, and less than anybody notices.</summary>
    private const long DeafNanoseconds = 20_000_000;
    private const int DeafLooks = 10;

    /// <summary>
    /// In user mode, in the host's ticks, which are counted by sampling; commands take microseconds of it.
    /// </summary>
    private const long CommandTicks = 10;

    /// <summary>How often a thread may be seen at work on one command: a minute.</summary>
    private const int CommandLooks = 1200;

    private readonly record struct Sample(bool BlocksKick, long CpuNanoseconds, long UserTicks);

    private bool _hasFirst;
    private int _arrivals;
    private Sample _first;
    private Sample _last;
    private int _looksAtWork;

    /// <summary>Looks once. True: it need not be watched any more.</summary>
    public bool Look()
    {
        if (!thread.IsAwaited)
        {
            thread.Clear(ThreadStates.Watched);
            return !thread.IsAwaited || !thread.TryWatch(); // Somebody may have begun to wait just before.
        }

        int arrivals = thread.Arrivals;
        if (!TryRead(out Sample now))
            return false; // It is about to be gone.
        if (!_hasFirst || arrivals != _arrivals)
        {
            (_hasFirst, _arrivals, _first, _last, _looksAtWork) = (true, arrivals, now, now, 0);
            return false;
        }

        if (now.CpuNanoseconds != _last.CpuNanoseconds)
            _looksAtWork++;
        _last = now;
        if (thread.IsRunningCommands)
        {
            if (now.UserTicks - _first.UserTicks < CommandTicks && _looksAtWork < CommandLooks)
                return false;
            return Convict("left its commands");
        }

        if (!now.BlocksKick || !_first.BlocksKick)
        {
            _hasFirst = false;
            return false;
        }

        return (now.CpuNanoseconds - _first.CpuNanoseconds >= DeafNanoseconds || _looksAtWork >= DeafLooks)
            && Convict("blocks the signal that calls it");
    }

    private bool Convict(string what)
    {
        if (thread.Arrivals != _arrivals || !thread.IsAwaited)
            return false;
        thread.Violation(what);
        return true;
    }

    private bool TryRead(out Sample sample)
    {
        sample = default;
        Span<byte> buffer = stackalloc byte[4096];
        if (!TryRead("/status"u8, buffer, out ReadOnlySpan<byte> status))
            return false;
        ulong blocked = HexadecimalAfter(status, "SigBlk:\t"u8);
        bool blocksKick = (blocked & StubSignals.KickBit) != 0;
        long nanoseconds = 0;
        if (TryRead("/schedstat"u8, buffer, out ReadOnlySpan<byte> times))
            _ = Utf8Parser.TryParse(times, out nanoseconds, out _);
        if (!TryRead("/stat"u8, buffer, out ReadOnlySpan<byte> stat))
            return false;
        sample = new Sample(blocksKick, nanoseconds, ProcFiles.NumberAt(stat, ProcFiles.StatUserTime));
        return true;
    }

    private bool TryRead(ReadOnlySpan<byte> file, Span<byte> buffer, out ReadOnlySpan<byte> text)
    {
        Span<byte> name = stackalloc byte[32];
        "task/"u8.CopyTo(name);
        Utf8Formatter.TryFormat(thread.HostThreadId, name[5..], out int digits);
        file.CopyTo(name[(5 + digits)..]);
        bool isRead = !thread.Space.Host.Proc.ReadStart(
            thread.Space.HostProcessId, name[..(5 + digits + file.Length)], buffer).Failed(out int length, out _);
        text = isRead ? buffer[..length] : default;
        return isRead;
    }

    private static ulong HexadecimalAfter(ReadOnlySpan<byte> text, ReadOnlySpan<byte> key)
    {
        const int digits = 16;
        int start = text.IndexOf(key);
        if (start < 0 || start + key.Length + digits > text.Length)
            return 0;
        return ulong.TryParse(
            text.Slice(start + key.Length, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture,
            out ulong value)
            ? value : 0;
    }
}
