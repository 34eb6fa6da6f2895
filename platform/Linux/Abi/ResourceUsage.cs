using System.Runtime.InteropServices;

namespace Sandbox.Linux;

/// <summary>struct rusage, 64-bit (getrusage(2)).</summary>
[StructLayout(LayoutKind.Sequential)]
public struct ResourceUsage
{
    public Timeval UserTime;
    public Timeval SystemTime;

    /// <summary>Largest resident set, KiB.</summary>
    public long MaxResident;
    private readonly long _sharedText;
    private readonly long _unsharedData;
    private readonly long _unsharedStack;
    public long MinorFaults;
    public long MajorFaults;
    private readonly long _swaps;
    public long BlocksIn;
    public long BlocksOut;
    private readonly long _messagesSent;
    private readonly long _messagesReceived;
    private readonly long _signals;
    public long VoluntarySwitches;
    public long InvoluntarySwitches;
}
