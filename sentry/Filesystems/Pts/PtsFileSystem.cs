using System.Globalization;
using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Tmp;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Pts;

/// <summary>devpts: one instance with its own ptmx and its own numbers (every mount is a new instance).</summary>
internal sealed class PtsFileSystem : FileSystem
{
    private const long Magic = 0x1CD1;
    private const int MaxTerminals = 4096;
    private readonly SortedDictionary<int, SlaveNode> _slaves = []; // Guarded by itself.
    private readonly uint _mode;
    private readonly uint _groupId;

    private PtsFileSystem(Kernel.Kernel kernel, uint mode, uint multiplexerMode, uint groupId)
    {
        (Kernel, _mode, _groupId) = (kernel, mode, groupId);
        Multiplexer = new MultiplexerNode(this, multiplexerMode);
        RootInode = new PtsDirectory(this);
    }

    public override string TypeName => "devpts";

    public Kernel.Kernel Kernel { get; }

    /// <summary>ptmx.</summary>
    public MultiplexerNode Multiplexer { get; }

    public override Inode RootInode { get; }

    public override string MountOptions =>
        (_groupId == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"gid={_groupId},"))
        + $"mode={Convert.ToString(_mode, 8)},ptmxmode={Convert.ToString(Multiplexer.Mode & ModeBits.All, 8)}";

    /// <summary>A new instance. EINVAL for bad options (mode=, ptmxmode=, gid=, uid=, max=, newinstance).</summary>
    public static Result<PtsFileSystem> Create(Kernel.Kernel kernel, string source, string options)
    {
        uint mode = Modes.O620, multiplexerMode = Modes.O666, group = 0;
        foreach (string option in options.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            bool isMultiplexer = option.StartsWith("ptmxmode=", StringComparison.Ordinal);
            if (isMultiplexer || option.StartsWith("mode=", StringComparison.Ordinal))
            {
                string permissions = isMultiplexer ? option[4..] : option;
                if (TmpOptions.Parse(permissions, 0).Failed(out TmpOptions parsed, out Errno error))
                    return error;
                (mode, multiplexerMode) = isMultiplexer
                    ? (mode, parsed.Mode ?? 0)
                    : (parsed.Mode ?? 0, multiplexerMode);
            }
            else if (option.StartsWith("gid=", StringComparison.Ordinal))
            {
                if (!uint.TryParse(option.AsSpan(4), NumberStyles.None, CultureInfo.InvariantCulture, out group))
                    return Errno.EINVAL;
            }
            else if (option is not "newinstance" && !option.StartsWith("max=", StringComparison.Ordinal)
                && !option.StartsWith("uid=", StringComparison.Ordinal))
            {
                return Errno.EINVAL;
            }
        }

        return new PtsFileSystem(kernel, mode, multiplexerMode, group) { Source = source };
    }

    /// <summary>Registers /dev/tty and /dev/console. Once, at start-up.</summary>
    public static void RegisterDevices()
    {
        const uint terminalMajor = 5;
        SpecialFiles.RegisterCharacterDevice(terminalMajor, 0, OpenOwn);
        SpecialFiles.RegisterCharacterDevice(terminalMajor, 1, OpenOwn);
    }

    /// <summary>A new terminal with a slave owned by the given user. ENOSPC, ENOMEM.</summary>
    public Result<Terminal> CreateTerminal(uint userId, MemoryAccount account)
    {
        lock (_slaves)
        {
            int index = 0;
            foreach (int used in _slaves.Keys)
            {
                if (used != index)
                    break;
                index++;
            }

            if (index >= MaxTerminals)
                return Errno.ENOSPC;
            if (!account.TryChargeObject(ObjectCost.Terminal))
                return Errno.ENOMEM;
            Terminal terminal = new(Kernel, this, index, account);
            _slaves.Add(index, new SlaveNode(this, terminal, _mode, userId, _groupId));
            return terminal;
        }
    }

    /// <summary>The node of a terminal's slave, or null.</summary>
    public SlaveNode? FindSlave(int index)
    {
        lock (_slaves)
            return _slaves.GetValueOrDefault(index);
    }

    /// <summary>The master is gone: the slave's name goes.</summary>
    public void Remove(Terminal terminal)
    {
        lock (_slaves)
            _slaves.Remove(terminal.Index);
    }

    public void List(List<DirectoryEntry> entries)
    {
        lock (_slaves)
        {
            foreach ((int index, SlaveNode node) in _slaves)
            {
                FileName name = index.ToString(CultureInfo.InvariantCulture);
                entries.Add(new DirectoryEntry(name, node.Number, FileType.CharacterDevice));
            }
        }
    }

    public override Errno GetStatistics(out StatFs statistics)
    {
        statistics = new StatFs
        {
            Type = Magic, BlockBytes = 4096, FragmentBytes = 4096, NameMaxBytes = FileName.MaxBytes,
                FileSystemId = Device,
        };
        return Errno.Ok;
    }

    // tty(4): the caller's controlling terminal, whatever the node is called. ENXIO without one.
    private static Result<OpenFile> OpenOwn(Inode inode, VfsPath path, OpenFlags flags, ICaller caller)
    {
        if (JobControl.TerminalOf(caller) is not { } terminal)
            return Errno.ENXIO;
        if (terminal.OpenSlave().Failed(out int generation, out Errno error))
            return error;
        return new SlaveFile(terminal, generation, inode, path, flags, caller.Credentials);
    }
}

/// <summary>The root of a devpts: ptmx and a node per terminal.</summary>
internal sealed class PtsDirectory(PtsFileSystem fileSystem) : SyntheticDirectory(fileSystem, Modes.O755)
{
    private readonly PtsFileSystem _pts = fileSystem;

    public override bool CachesMissingNames => false;

    public override Result<Inode> Lookup(ReadOnlySpan<byte> name)
    {
        if (name.SequenceEqual("ptmx"u8))
            return _pts.Multiplexer;
        bool isNumber = System.Buffers.Text.Utf8Parser.TryParse(name, out int index, out int used)
            && used == name.Length
            && name[0] != (byte)'+' && (name.Length == 1 || name[0] != (byte)'0');
        return isNumber && _pts.FindSlave(index) is { } slave ? slave : Errno.ENOENT;
    }

    public override Errno List(ICaller caller, List<DirectoryEntry> entries)
    {
        entries.Add(new DirectoryEntry("ptmx", _pts.Multiplexer.Number, FileType.CharacterDevice));
        _pts.List(entries);
        return Errno.Ok;
    }
}

/// <summary>ptmx: opening it makes a terminal and gives its master.</summary>
internal sealed class MultiplexerNode(PtsFileSystem fileSystem, uint permissions)
    : SyntheticInode(fileSystem, (uint)FileType.CharacterDevice | permissions)
{
    private readonly PtsFileSystem _pts = fileSystem;

    public override ulong RawDevice => DeviceNumber.Make(5, 2);

    public override Result<OpenFile> Open(VfsPath path, OpenFlags flags, ICaller caller)
    {
        if (_pts.CreateTerminal(caller.Credentials.FileSystemUserId, caller.Account).Failed(
            out Terminal? terminal, out Errno error))
            return error;
        return new MasterFile(terminal, this, path, flags, caller.Credentials);
    }
}

/// <summary>/dev/pts/N.</summary>
internal sealed class SlaveNode(
    PtsFileSystem fileSystem, Terminal terminal, uint permissions, uint userId, uint groupId)
    : SyntheticInode(fileSystem, (uint)FileType.CharacterDevice | permissions, userId, groupId)
{
    private readonly PtsFileSystem _pts = fileSystem;
    private readonly Terminal _terminal = terminal;

    public override ulong RawDevice => _terminal.DeviceNumber;

    public override bool Revalidate() => _pts.FindSlave(_terminal.Index) == this;

    /// <summary>
    /// The node's place in the mount through which <paramref name="other"/> of the same devpts is seen.
    /// </summary>
    public VfsPath PlaceBeside(VfsPath other) =>
        other.IsSome && other.Mount.FileSystem == _pts ? PlaceIn(other.Mount) : default;

    /// <summary>The node's place as seen through a mount of its filesystem.</summary>
    public VfsPath PlaceIn(Mount mount)
    {
        FileName name = _terminal.Index.ToString(CultureInfo.InvariantCulture);
        Dentry root = _pts.RootDentry;
        using (root.Lock.Enter())
        {
            bool isFound = DentryCache.Lookup(root, name.Bytes, out Dentry child) == Errno.Ok && child.Inode == this;
            return isFound ? new VfsPath(mount, child) : default;
        }
    }

    /// <summary>A session leader without a terminal gets this one, unless O_NOCTTY (open(2)).</summary>
    public override Result<OpenFile> Open(VfsPath path, OpenFlags flags, ICaller caller)
    {
        if (_terminal.OpenSlave().Failed(out int generation, out Errno error))
            return error;
        if ((flags & OpenFlags.NoControllingTerminal) == 0)
            _ = JobControl.Acquire(_terminal, caller, steals: false);
        return new SlaveFile(_terminal, generation, this, path, flags, caller.Credentials);
    }
}
