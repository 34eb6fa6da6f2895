using Sandbox.Linux;

namespace Sandbox.Platform;

/// <summary>One mapping of a guest address space as the host reports it (proc_pid_maps(5)).</summary>
/// <param name="Start">First byte.</param>
/// <param name="End">One past the last byte.</param>
/// <param name="Protection">Current protection.</param>
/// <param name="IsShared">MAP_SHARED.</param>
/// <param name="Offset">Offset in the file, bytes.</param>
/// <param name="Device">Device of the mapped file (as st_dev), 0 for anonymous memory.</param>
/// <param name="Inode">Inode of the mapped file, 0 for anonymous memory.</param>
/// <param name="HostName">The host's own name for it, for "[stack]", "[heap]", "[vdso]"; never shown otherwise.</param>
public readonly record struct HostMapping(
    ulong Start, ulong End, MemoryProtection Protection, bool IsShared, ulong Offset, ulong Device, ulong Inode,
    string HostName);
