using System.Runtime.InteropServices;

namespace Sandbox.Sentry.Syscalls;

/// <summary>struct sigevent (sigevent(3type)), 64 bytes.</summary>
[StructLayout(LayoutKind.Explicit, Size = 64)]
internal struct SignalEvent
{
    /// <summary>sigev_value.</summary>
    [FieldOffset(0)]
    public ulong Value;

    /// <summary>sigev_signo; of mq_notify's SIGEV_THREAD a netlink socket's descriptor.</summary>
    [FieldOffset(8)]
    public int Signal;

    /// <summary>SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD, SIGEV_THREAD_ID.</summary>
    [FieldOffset(12)]
    public int Notify;

    /// <summary>The thread of SIGEV_THREAD_ID.</summary>
    [FieldOffset(16)]
    public int ThreadId;
}
