namespace Sandbox.Linux;

/// <summary>The resolve member of struct open_how (openat2(2)).</summary>
[Flags]
public enum ResolveFlags : ulong
{
    None = 0,
    NoCrossDevice = 0x01,
    NoMagicLinks = 0x02,
    NoSymlinks = 0x04,
    Beneath = 0x08,
    InRoot = 0x10,
    Cached = 0x20,
}
