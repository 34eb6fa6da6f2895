using System.Runtime.InteropServices;

namespace Sandbox.Linux;

/// <summary>struct statfs, x86-64 (include/uapi/asm-generic/statfs.h).</summary>
[StructLayout(LayoutKind.Sequential)]
public struct StatFs
{
    /// <summary>The magic number of the type (statfs(2)).</summary>
    public long Type;
    public long BlockBytes;
    public ulong Blocks;
    public ulong BlocksFree;
    public ulong BlocksAvailable;
    public ulong Files;
    public ulong FilesFree;
    public ulong FileSystemId;
    public long NameMaxBytes;
    public long FragmentBytes;
    public long Flags;
    private readonly long _spare0;
    private readonly long _spare1;
    private readonly long _spare2;
    private readonly long _spare3;
}
