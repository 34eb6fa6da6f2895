using System.Text;
using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Dev;
using Sandbox.Sentry.Filesystems.Gofer;
using Sandbox.Sentry.Filesystems.Overlay;
using Sandbox.Sentry.Filesystems.Sys;
using Sandbox.Sentry.Kernel.Containers;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Loader;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Control;

/// <summary>
/// Builds a container's mount namespace from its description: the root, the mounts in their order, device nodes, masked
/// and read-only paths. Errors are one line for the operator.
/// </summary>
internal sealed class ContainerMounts
{
    private const MountFlags MaskFlags = MountFlags.ReadOnly | MountFlags.NoSetUserId | MountFlags.NoDevices
        | MountFlags.NoExecute;

    private readonly Kernel.Kernel _kernel;
    private readonly ContainerDescription _description;
    private readonly GoferSession _gofer;
    private readonly NamespaceSet _namespaces;
    private readonly Container _container;
    private readonly MountNamespace _namespace;
    private BootCaller _caller = null!;

    private ContainerMounts(
        Kernel.Kernel kernel, ContainerDescription description, GoferSession gofer, NamespaceSet namespaces,
        Container container)
    {
        (_kernel, _description, _gofer, _namespaces, _container) = (kernel, description, gofer, namespaces, container);
        _namespace = new MountNamespace(UserNamespace.Root, container.Memory);
    }

    private static Credentials Superuser { get; } = new()
    {
        UserNamespace = UserNamespace.Root,
        Permitted = CapabilitySet.Full,
        Effective = CapabilitySet.Full,
    };

    /// <summary>The root and mounts of a new container; null and an error if they cannot be made.</summary>
    public static FsContext? Build(
        Kernel.Kernel kernel,
        ContainerDescription description,
        GoferSession gofer,
        NamespaceSet namespaces,
        Container container,
        out string? error)
    {
        ContainerMounts mounts = new(kernel, description, gofer, namespaces, container);
        error = mounts.BuildAll();
        if (error is null)
            return mounts._caller.Fs;
        mounts._caller?.Fs.Release();
        return null;
    }

    private VfsPath Root => _caller.Fs.Root;

    private string? BuildAll()
    {
        if (_description.Mounts.Length == 0)
            return "no root file system";
        if (MakeRoot(_description.Mounts[0]) is { } rootError)
            return rootError;
        for (int index = 1; index < _description.Mounts.Length; index++)
        {
            if (Add(_description.Mounts[index]) is { } error)
                return $"mounts[{index - 1}] ({_description.Mounts[index].Destination}): {error}";
        }

        if (AddDevices() is { } deviceError)
            return deviceError;
        foreach (string path in _description.MaskedPaths)
        {
            if (Mask(path) is not Errno.Ok and Errno failed)
                return $"linux.maskedPaths: {path}: {Describe(failed)}";
        }

        foreach (string path in _description.ReadOnlyPaths)
        {
            if (MakeReadOnly(path) is not Errno.Ok and Errno failed)
                return $"linux.readonlyPaths: {path}: {Describe(failed)}";
        }

        if (_description.RootIsReadOnly)
            _namespace.Root.Flags |= MountFlags.ReadOnly;
        Propagate(_namespace.Root, _description.Mounts[0].Flags);
        return null;
    }

    private string? MakeRoot(MountDescription description)
    {
        if (_gofer.Mount((uint)description.GoferRoot, _description.RootCaching, "none").Failed(
            out GoferFileSystem? lower, out Errno error))
            return $"root.path: {Describe(error)}";
        FileSystem files = _description.OverlaysRoot
            ? new OverlayFileSystem(lower.RootInode, account: _container.Memory)
            : lower;
        Mount root = new(files, (MountFlags)description.Flags & MountFlags.PerMount & ~MountFlags.ReadOnly);
        _namespace.SetRoot(root);
        VfsPath place = new(root, root.Root);
        _caller = new BootCaller(Superuser, new FsContext(_namespace, place, place, umask: 0));
        return null;
    }

    /// <summary>
    /// A mount of type "cgroup" stands for the whole of version 1: a directory with a hierarchy for each controller in
    /// it, as programs that look for their limits expect.
    /// </summary>
    private string? AddLegacyCgroups(MountDescription description)
    {
        _container.ShowsLegacyCgroups = true;
        byte[] destination = Encoding.UTF8.GetBytes(description.Destination);
        if (MakeMountPoint(destination, isFile: false).Failed(out VfsPath place, out Errno error))
            return Describe(error);
        MountFlags flags = (MountFlags)description.Flags & MountFlags.PerMount;
        error = Attach(new Mount(StaticFileSystem.CreateCgroupParent("tmpfs"), flags), place);
        foreach (string controller in Container.LegacyControllers)
        {
            if (error != Errno.Ok)
                return Describe(error);
            byte[] path = Encoding.UTF8.GetBytes($"{description.Destination.TrimEnd('/')}/{controller}");
            if (PathWalk.Resolve(_caller, Root, path, follow: true).Failed(out place, out error))
                return Describe(error);
            error = Attach(new Mount(StaticFileSystem.CreateLegacyCgroup("cgroup", controller, _kernel), flags), place);
        }

        return error == Errno.Ok ? null : Describe(error);
    }

    private string? Add(MountDescription description)
    {
        if (description is { Type: "cgroup", GoferRoot: < 0 })
            return AddLegacyCgroups(description);
        Result<FileSystem> made = description.GoferRoot >= 0
            ? Bind(description)
            : Create(description.Type, description.Source, description.Data, _container);
        if (made.Failed(out FileSystem? files, out Errno error))
            return error == Errno.ENODEV ? $"unknown filesystem type \"{description.Type}\"" : Describe(error);
        byte[] destination = Encoding.UTF8.GetBytes(description.Destination);
        bool existed = PathWalk.Resolve(_caller, Root, destination, follow: true).Error == Errno.Ok;
        if (MakeMountPoint(destination, !files.RootInode.IsDirectory).Failed(out VfsPath place, out error))
            return Describe(error);
        if (description.Destination.TrimEnd('/') == "/dev" && description.GoferRoot < 0)
        {
            error = DevTree.Populate(files.RootInode);
            if (error != Errno.Ok)
                return Describe(error);
        }

        MountFlags flags = (MountFlags)description.Flags & MountFlags.PerMount;
        Mount mount = new(files, flags & ~MountFlags.ReadOnly);
        error = Attach(mount, place);
        if (error == Errno.Ok && existed && description.Type == "tmpfs")
            error = TakeAfter(place, mount, description);
        mount.Flags = flags;
        if (error == Errno.Ok)
            Propagate(mount, description.Flags);
        return error == Errno.Ok ? null : Describe(error);
    }

    // As runc: without a mode of its own a tmpfs has that of the directory it covers, with tmpcopyup all that is in it.
    private Errno TakeAfter(VfsPath covered, Mount mount, MountDescription description)
    {
        if ((description.Flags & MountDescription.TemporaryCopy) != 0
            && new TreeCopy(_caller).Run(covered, new VfsPath(mount, mount.Root)) is not Errno.Ok and Errno error)
        {
            return error;
        }

        return description.Data.Contains("mode=", StringComparison.Ordinal)
            ? Errno.Ok
            : mount.FileSystem.RootInode.SetAttributes(
                new AttributeChange { Mode = covered.Inode.Mode & ModeBits.All });
    }

    private Result<FileSystem> Bind(MountDescription description) =>
        _gofer.Mount((uint)description.GoferRoot, GoferCaching.Shared, description.Source)
            .Failed(out GoferFileSystem? files, out Errno error) ? error : files;

    private Errno Attach(Mount mount, VfsPath place)
    {
        using (MountNamespace.Lock.Enter())
            return MountPropagation.Attach(_namespace, place, [new MountBranch(mount, null, null)]);
    }

    // "shared" and the like, of a mount or (rootfsPropagation) of everything below it.
    private static void Propagate(Mount mount, ulong flags)
    {
        const ulong recursive = 16384;
        foreach (PropagationType type in Enum.GetValues<PropagationType>())
        {
            if ((flags & (ulong)type) != 0)
                _ = MountOperations.ChangePropagation(new VfsPath(mount, mount.Root), type, (flags & recursive) != 0);
        }
    }

    // Links are followed as far as they exist: they lead nowhere but into the container's own root.
    private Result<VfsPath> MakeMountPoint(byte[] path, bool isFile)
    {
        Result<VfsPath> found = PathWalk.Resolve(_caller, Root, path, follow: true);
        if (found.Error != Errno.ENOENT)
            return found;
        if (MakeParents(path) is not Errno.Ok and Errno failed)
            return failed;
        Errno last = isFile
            ? CreateOperations.CreateNode(_caller, Root, path, (uint)FileType.Regular | Modes.O644, 0).Error
            : CreateOperations.CreateDirectory(_caller, Root, path, Modes.O755);
        if (last is not (Errno.Ok or Errno.EEXIST))
            return last;
        return PathWalk.Resolve(_caller, Root, path, follow: true);
    }

    private Errno MakeParents(byte[] path)
    {
        for (int end = 1; end < path.Length; end++)
        {
            if (path[end] != '/')
                continue;
            Errno made = CreateOperations.CreateDirectory(_caller, Root, path.AsSpan(0, end), Modes.O755);
            if (made is not (Errno.Ok or Errno.EEXIST))
                return made;
        }

        return Errno.Ok;
    }

    // The default devices of the OCI runtime specification, and those of config.json;
    // a read-only rootfs keeps what it has.
    private string? AddDevices()
    {
        if (MakeMountPoint([.. "/dev"u8], isFile: false).Failed(out VfsPath dev, out Errno error))
            return error == Errno.EROFS ? null : $"/dev: {Describe(error)}";
        error = DevTree.Populate(dev.Inode);
        if (error is not (Errno.Ok or Errno.EROFS or Errno.EPERM))
            return $"/dev: {Describe(error)}";
        if (_description.Process.HasTerminal)
            _ = DevTree.AddConsole(dev.Inode);
        foreach (DeviceDescription device in _description.Devices)
        {
            byte[] path = Encoding.UTF8.GetBytes(device.Path);
            ulong number = DeviceNumber.Make(device.Major, device.Minor);
            error = MakeParents(path);
            if (error is not (Errno.Ok or Errno.EROFS)
                || CreateOperations.CreateNode(_caller, Root, path, device.Mode, number).Failed(
                    out VfsPath node, out error))
            {
                if (error is Errno.EEXIST or Errno.EROFS)
                    continue;
                return $"linux.devices: {device.Path}: {Describe(error)}";
            }

            _ = node.Inode.SetAttributes(new AttributeChange { UserId = device.UserId, GroupId = device.GroupId });
        }

        return null;
    }

    private Result<FileSystem> Create(string type, string source, string data, Container? charged) =>
        FileSystemTypes.Create(_kernel, _namespaces.PidForChildren, _namespaces.Ipc, type, source, data, charged);

    // As runc: a directory is covered by an empty read-only tmpfs, a file by /dev/null;
    // what does not exist needs no mask.
    private Errno Mask(string path)
    {
        Result<VfsPath> found = PathWalk.Resolve(_caller, Root, Encoding.UTF8.GetBytes(path), follow: true);
        if (found.Failed(out VfsPath place, out Errno error))
            return error is Errno.ENOENT or Errno.ENOTDIR ? Errno.Ok : error;
        if (!place.Inode.IsDirectory)
            return MaskFile(place);
        if (Create("tmpfs", "tmpfs", "size=0k", null).Failed(out FileSystem? empty, out error))
            return error;
        return Attach(new Mount(empty, MaskFlags), place);
    }

    private Errno MaskFile(VfsPath place)
    {
        if (PathWalk.Resolve(_caller, Root, "/dev/null"u8, follow: true).Failed(out VfsPath none, out Errno error))
            return error;
        return Attach(new Mount(none.Mount.FileSystem, none.Dentry, none.Mount.Flags), place);
    }

    private Errno MakeReadOnly(string path)
    {
        Result<VfsPath> found = PathWalk.Resolve(_caller, Root, Encoding.UTF8.GetBytes(path), follow: true);
        if (found.Failed(out VfsPath place, out Errno error))
            return error is Errno.ENOENT or Errno.ENOTDIR ? Errno.Ok : error;
        return Attach(new Mount(place.Mount.FileSystem, place.Dentry, place.Mount.Flags | MountFlags.ReadOnly), place);
    }

    private static string Describe(Errno error) => ErrnoText.Of(error);
}
