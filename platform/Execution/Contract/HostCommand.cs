
namespace Sandbox.Platform;

/// <summary>One system call for the stub to execute in the guest's address space.</summary>
public struct HostCommand
{
    public int Number;
    public long A0;
    public long A1;
    public long A2;
    public long A3;
    public long A4;
    public long A5;

    /// <summary>
    /// For mmap of a file: the Sentry's descriptor, lent to the stub for exactly this call,
    /// as the A4 the platform chooses; else -1.
    /// </summary>
    public int HostFd;

    /// <summary>
    /// What the call answered: a value or a negative errno. ECANCELED's negative if an earlier one failed.
    /// </summary>
    public long Result;

    public HostCommand(
        int number, long a0 = 0, long a1 = 0, long a2 = 0, long a3 = 0, long a4 = 0, long a5 = 0, int hostFd = -1)
    {
        (Number, A0, A1, A2, A3, A4, A5, HostFd, Result) = (number, a0, a1, a2, a3, a4, a5, hostFd, 0);
    }
}
