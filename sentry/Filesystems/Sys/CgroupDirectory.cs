using System.Buffers.Text;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Containers;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Sys;

/// <summary>
/// A directory of a cgroup2 mount: a group, with directories for those below it, which mkdir(2) and rmdir(2) make and
/// remove, and the core files of cgroups(7). The container's own group has its limits in files beside them.
/// </summary>
internal sealed class CgroupDirectory : StaticDirectory
{
    private readonly Kernel.Kernel _kernel;
    private readonly Container? _container;
    private readonly GuestCgroup? _group;

    /// <summary>The container's group; null without a container, for nobody's use.</summary>
    public CgroupDirectory(FileSystem files, Kernel.Kernel kernel, Container? container)
        : base(files)
    {
        (_kernel, _container, _group) = (kernel, container, container?.Cgroups);
    }

    private CgroupDirectory(FileSystem files, Kernel.Kernel kernel, Container container, GuestCgroup group)
        : base(files, Modes.O755)
    {
        (_kernel, _container, _group) = (kernel, container, group);
        (UserId, GroupId) = (group.UserId, group.GroupId);
        Add("cgroup.controllers", new TextFile(files, []));
        Add("cgroup.subtree_control", new WritableTextFile(
            files, static (_, _) => Errno.Ok, static (_, text) => text.Trim(" \n\0"u8).IsEmpty ? Errno.Ok : Errno.ENOENT));
        Add("cgroup.type", new TextFile(files, "domain\n"u8.ToArray()));
        Add("cgroup.max.depth", new TextFile(files, "max\n"u8.ToArray()));
        Add("cgroup.max.descendants", new TextFile(files, "max\n"u8.ToArray()));
        Add("cgroup.events", new TextFile(files, (_, text) => WriteEvents(text)));
        Add("cgroup.stat", new TextFile(files, (_, text) => WriteStatistics(text)));
        Add("cgroup.procs", ProcessesFile());
        Add("cgroup.threads", new TextFile(files, (caller, text) => WriteMembers((Task)caller, text, threads: true)));
        Add("cgroup.kill", new WritableTextFile(files, static (_, _) => Errno.EINVAL, (_, text) => Kill(text), Writes));
    }

    private static uint Writes => 0x80; // 0200

    public override bool Revalidate() => _group is not { IsRemoved: true };

    public override Result<Inode> Lookup(ReadOnlySpan<byte> name)
    {
        if (_group is null)
            return base.Lookup(name);
        using (_kernel.Tree.Enter())
        {
            if (_group.Children.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(name, out GuestCgroup? child))
                return new CgroupDirectory(FileSystem, _kernel, _container!, child);
        }

        return base.Lookup(name);
    }

    public override Errno List(ICaller caller, List<DirectoryEntry> entries)
    {
        if (_group is not null)
        {
            using (_kernel.Tree.Enter())
            {
                foreach (FileName name in _group.Children.Keys)
                    entries.Add(new DirectoryEntry(name, Number + 1, FileType.Directory));
            }
        }

        return base.List(caller, entries);
    }

    public override Result<Inode> CreateDirectory(ReadOnlySpan<byte> name, in NewInode attributes)
    {
        if (_group is null)
            return Errno.EPERM;
        if (name.IndexOf((byte)'\n') >= 0)
            return Errno.EINVAL;
        if (!base.Lookup(name).Failed(out _, out _))
            return Errno.EEXIST;
        using (_kernel.Tree.Enter())
        {
            if (_group.IsRemoved)
                return Errno.ENODEV;
            // Another mount of the same groups has dentries of its own.
            if (_group.Children.GetAlternateLookup<ReadOnlySpan<byte>>().ContainsKey(name))
                return Errno.EEXIST;
            if (_group.Depth >= GuestCgroup.MaxDepth || _container!.Cgroups.Descendants >= GuestCgroup.MaxGroups)
                return Errno.EAGAIN;
            if (!_container.Memory.TryChargeObject(ObjectCost.Cgroup))
                return Errno.ENOMEM;
            GuestCgroup made = new(_group, new FileName(name), attributes.UserId, attributes.GroupId);
            _group.Children.Add(made.Name, made);
            Touch();
            return new CgroupDirectory(FileSystem, _kernel, _container, made);
        }
    }

    /// <summary>EBUSY while there are processes or groups in it.</summary>
    public override Errno RemoveDirectory(ReadOnlySpan<byte> name, Inode child)
    {
        if (child is not CgroupDirectory { _group: { Parent: not null } group } || group.Parent != _group)
            return Errno.EPERM;
        using (_kernel.Tree.Enter())
        {
            if (group.IsRemoved)
                return Errno.ENOENT;
            if (group.Children.Count > 0 || group.Members(_kernel, _container!, isDeep: false).Count > 0)
                return Errno.EBUSY;
            group.IsRemoved = true;
            _group.Children.Remove(group.Name);
            _container!.Memory.ReturnObject(ObjectCost.Cgroup);
            Touch();
            return Errno.Ok;
        }
    }

    /// <summary>cgroup.procs: the processes of the group, and a way into it.</summary>
    public TextFile ProcessesFile() => new WritableTextFile(
        FileSystem,
        (caller, text) => WriteMembers((Task)caller, text, threads: false),
        (caller, text) => Move((Task)caller, text));

    private Errno WriteMembers(Task reader, ByteBuilder text, bool threads)
    {
        if (_group is null)
            return Errno.Ok;
        using (_kernel.Tree.Enter())
        {
            foreach (ThreadGroup member in _group.Members(_kernel, _container!, isDeep: false))
            {
                foreach (Task task in threads ? member.Tasks : [member.Leader])
                {
                    if (task.Id.In(reader.PidNamespace) is > 0 and int number)
                        text.Append(number).Append((byte)'\n');
                }
            }
        }

        return Errno.Ok;
    }

    // "0" is who writes.
    private Errno Move(Task caller, ReadOnlySpan<byte> text)
    {
        ReadOnlySpan<byte> number = text.Trim(" \t\n\0"u8);
        if (!Utf8Parser.TryParse(number, out int id, out int used) || used != number.Length || id < 0)
            return Errno.EINVAL;
        if (_group is null)
            return Errno.ENODEV;
        using (_kernel.Tree.Enter())
        {
            ThreadGroup? moved = id == 0 ? caller.Group : caller.PidNamespace.Find(id)?.Task?.Group;
            if (moved is null || moved.IsZombie || moved.Leader.Namespaces.Container != _container)
                return Errno.ESRCH;
            if (_group.IsRemoved)
                return Errno.ENODEV;
            moved.Cgroup = _group.Parent is null ? null : _group;
            return Errno.Ok;
        }
    }

    private Errno WriteEvents(ByteBuilder text)
    {
        using (_kernel.Tree.Enter())
        {
            bool isPopulated = _group!.Members(_kernel, _container!, isDeep: true).Count > 0;
            text.Append("populated "u8).Append(isPopulated ? 1 : 0L).Append("\nfrozen 0\n"u8);
            return Errno.Ok;
        }
    }

    private Errno WriteStatistics(ByteBuilder text)
    {
        using (_kernel.Tree.Enter())
            text.Append("nr_descendants "u8).Append((long)_group!.Descendants).Append("\nnr_dying_descendants 0\n"u8);
        return Errno.Ok;
    }

    private Errno Kill(ReadOnlySpan<byte> text)
    {
        if (!text.Trim(" \t\n\0"u8).SequenceEqual("1"u8))
            return Errno.ERANGE;
        using (_kernel.Tree.Enter())
        {
            foreach (ThreadGroup member in _group!.Members(_kernel, _container!, isDeep: true))
                SignalSender.SendToGroup(member, SignalInfo.FromKernel(Signal.Kill));
        }

        return Errno.Ok;
    }
}
