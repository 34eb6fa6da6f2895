using Sandbox.Linux;

namespace Sandbox.Sentry.Vfs;

/// <summary>Opens a device. The inode's number says which minor it is; access was checked.</summary>
internal delegate Result<OpenFile> DeviceOpener(Inode inode, VfsPath path, OpenFlags flags, ICaller caller);

/// <summary>
/// What stands behind device nodes and FIFOs, whatever filesystem the node is in: an inode of such a type answers its
/// Open with <see cref="Open"/>. Filled at start-up by the layers above, before the first guest runs;
/// read without a lock.
/// </summary>
internal static class SpecialFiles
{
    private static volatile Dictionary<uint, DeviceOpener> _characterDevices = [];
    private static volatile DeviceOpener? _fifo;

    /// <summary>Registers one character device, or all minors of a major with <paramref name="minor"/> null.</summary>
    public static void RegisterCharacterDevice(uint major, uint? minor, DeviceOpener opener)
    {
        Dictionary<uint, DeviceOpener> devices = new(_characterDevices) { [Key(major, minor)] = opener };
        _characterDevices = devices;
    }

    /// <summary>Says how FIFOs are opened (fifo(7)).</summary>
    public static void RegisterFifo(DeviceOpener opener) => _fifo = opener;

    /// <summary>Opens what a node stands for. ENXIO if nothing does: block devices, sockets, unknown numbers.</summary>
    public static Result<OpenFile> Open(Inode inode, VfsPath path, OpenFlags flags, ICaller caller) => inode.Type switch
    {
        FileType.CharacterDevice => OpenCharacterDevice(inode, path, flags, caller),
        FileType.Fifo when _fifo is { } opener => opener(inode, path, flags, caller),
        _ => Errno.ENXIO,
    };

    private static Result<OpenFile> OpenCharacterDevice(Inode inode, VfsPath path, OpenFlags flags, ICaller caller) =>
        Find(DeviceNumber.Major(inode.RawDevice), DeviceNumber.Minor(inode.RawDevice)) is { } opener
            ? opener(inode, path, flags, caller)
            : Errno.ENXIO;

    private static DeviceOpener? Find(uint major, uint minor)
    {
        Dictionary<uint, DeviceOpener> devices = _characterDevices;
        return devices.TryGetValue(Key(major, minor), out DeviceOpener? exact) ? exact
            : devices.GetValueOrDefault(Key(major, null));
    }

    // The kernel's internal dev_t: 12 bits of major, 20 of minor; all ones for any minor.
    private static uint Key(uint major, uint? minor) => (major << 20) | (minor ?? 0xFFFFF);
}

/// <summary>makedev(3), major(3), minor(3): the device numbers of st_dev and st_rdev.</summary>
internal static class DeviceNumber
{
    public static ulong Make(uint major, uint minor) =>
        ((ulong)(major & 0xFFFFF000) << 32) | ((ulong)(major & 0xFFF) << 8) | ((ulong)(minor & 0xFFFFFF00) << 12)
            | (minor & 0xFF);

    public static uint Major(ulong device) => (uint)(((device >> 32) & 0xFFFFF000) | ((device >> 8) & 0xFFF));

    public static uint Minor(ulong device) => (uint)(((device >> 12) & 0xFFFFFF00) | (device & 0xFF));
}

/// <summary>A device node of a synthetic filesystem (/dev/null of devtmpfs, /dev/pts/0).</summary>
internal sealed class DeviceNode : SyntheticInode
{
    public DeviceNode(
        FileSystem fileSystem, FileType type, uint permissions, ulong rawDevice, uint userId = 0, uint groupId = 0)
        : base(fileSystem, (uint)type | permissions, userId, groupId)
    {
        RawDevice = rawDevice;
    }

    public override ulong RawDevice { get; }

    public override Result<OpenFile> Open(VfsPath path, OpenFlags flags, ICaller caller) =>
        SpecialFiles.Open(this, path, flags, caller);
}
