namespace Sandbox.Linux;

/// <summary>ioctl(2) requests that every kind of file may know (include/uapi/asm-generic/ioctls.h).</summary>
public static class Ioctl
{
    /// <summary>FIONREAD: bytes that can be read without blocking.</summary>
    public const uint BytesReadable = 0x541B;

    /// <summary>FIONBIO: sets or clears O_NONBLOCK.</summary>
    public const uint SetNonBlocking = 0x5421;

    /// <summary>FIOSETOWN, SIOCSPGRP and FIOGETOWN, SIOCGPGRP of sockets.</summary>
    public const uint SetOwner = 0x8901, SetProcessGroup = 0x8902, GetOwner = 0x8903, GetProcessGroup = 0x8904;

    /// <summary>FIOASYNC.</summary>
    public const uint SetAsync = 0x5452;

    /// <summary>FIONCLEX, FIOCLEX.</summary>
    public const uint ClearCloseOnExec = 0x5450, SetCloseOnExec = 0x5451;

    /// <summary>TIOCOUTQ (SIOCOUTQ of sockets): bytes that were written and not read yet.</summary>
    public const uint BytesUnsent = 0x5411;
}
