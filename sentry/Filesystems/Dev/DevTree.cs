using Sandbox.Linux;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Dev;

/// <summary>What every container finds in /dev (OCI runtime specification, "Default Devices").</summary>
internal static class DevTree
{
    private const uint MemoryMajor = 1, TerminalMajor = 5;
    private const uint EveryoneReadsAndWrites = Modes.O666;
    private const uint DirectoryMode = Modes.O755;

    /// <summary>Tells the VFS what the memory devices do. Once, at start-up.</summary>
    public static void RegisterDevices()
    {
        foreach (MemoryDeviceKind kind in Enum.GetValues<MemoryDeviceKind>())
        {
            MemoryDeviceKind captured = kind;
            SpecialFiles.RegisterCharacterDevice(
                MemoryMajor,
                (uint)kind,
                (inode, path, flags, caller) => new MemoryDevice(captured, inode, path, flags, caller.Credentials));
        }
    }

    /// <summary>
    /// Makes the default nodes, links and directories in a /dev, which nobody has walked yet;
    /// what is there already stays.
    /// </summary>
    public static Errno Populate(Inode directory)
    {
        ReadOnlySpan<(string Name, uint Major, uint Minor)> devices =
        [
            ("null", MemoryMajor, 3), ("zero", MemoryMajor, 5), ("full", MemoryMajor, 7), ("random", MemoryMajor, 8),
            ("urandom", MemoryMajor, 9), ("tty", TerminalMajor, 0),
        ];
        foreach ((string name, uint major, uint minor) in devices)
        {
            NewInode attributes = new((uint)FileType.CharacterDevice | EveryoneReadsAndWrites, 0, 0);
            FileName device = name;
            Result<Inode> made = directory.CreateNode(device.Bytes, DeviceNumber.Make(major, minor), attributes);
            if (made.Error is not (Errno.Ok or Errno.EEXIST))
                return made.Error;
        }

        ReadOnlySpan<(string Name, string Target)> links =
        [
            ("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"),
            ("stderr", "/proc/self/fd/2"),
            ("ptmx", "pts/ptmx"),
        ];
        foreach ((string name, string target) in links)
        {
            FileName link = name, text = target;
            Result<Inode> made = directory.CreateSymbolicLink(link.Bytes, text.Bytes, new NewInode(0, 0, 0));
            if (made.Error is not (Errno.Ok or Errno.EEXIST))
                return made.Error;
        }

        foreach (string name in (ReadOnlySpan<string>)["pts", "shm", "mqueue"])
        {
            FileName entry = name;
            Result<Inode> made = directory.CreateDirectory(
                entry.Bytes, new NewInode((uint)FileType.Directory | DirectoryMode, 0, 0));
            if (made.Error is not (Errno.Ok or Errno.EEXIST))
                return made.Error;
        }

        return Errno.Ok;
    }

    /// <summary>Makes /dev/console, when the container has a terminal.</summary>
    public static Errno AddConsole(Inode directory)
    {
        NewInode attributes = new((uint)FileType.CharacterDevice | Modes.O600, 0, 0);
        return directory.CreateNode("console"u8, DeviceNumber.Make(TerminalMajor, 1), attributes).Error;
    }
}
