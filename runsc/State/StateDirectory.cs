using System.Text;
using Sandbox.Linux;
using Sandbox.Runsc.CommandLine;

namespace Sandbox.Runsc.State;

/// <summary>The --root directory: one directory per container, named exactly by its id.</summary>
internal sealed class StateDirectory(string root)
{
    private const int IdLengthMax = 1024;

    public string Root { get; } = root;

    /// <summary>The rule runc has: letters, digits and <c>_ + - .</c>, but not "." or "..".</summary>
    public static void CheckId(string id)
    {
        if (id.Length == 0)
            throw new Failure("container id must not be empty");
        if (id.Length > IdLengthMax || id is "." or "..")
            throw new Failure($"invalid container id format: {id}");
        foreach (char letter in id)
        {
            if (!char.IsAsciiLetterOrDigit(letter) && letter is not ('_' or '+' or '-' or '.'))
                throw new Failure($"invalid container id format: {id}");
        }
    }

    public string PathOf(string id) => Path.Combine(Root, id);

    /// <summary>Makes the directory of a new container and locks it. Fails if there is one.</summary>
    public ContainerDirectory Create(string id)
    {
        const uint ownerOnly = Modes.O700;
        CheckId(id);
        Directory.CreateDirectory(Root, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        byte[] path = Encoding.UTF8.GetBytes(PathOf(id) + '\0');
        Errno error = HostDirectory.MakeDirectory(HostFile.CurrentDirectory, path, ownerOnly);
        return error switch
        {
            Errno.Ok => new ContainerDirectory(PathOf(id), isNew: true),
            Errno.EEXIST => throw new Failure($"container with id \"{id}\" already exists"),
            _ => throw new Failure($"mkdir {PathOf(id)}: {error}"),
        };
    }

    /// <summary>The container's directory, locked, or null if there is no such container.</summary>
    public ContainerDirectory? Find(string id)
    {
        CheckId(id);
        try
        {
            return IsContainers(PathOf(id)) ? new ContainerDirectory(PathOf(id), isNew: false) : null;
        }
        catch (DirectoryNotFoundException)
        {
            return null; // Deleted while we waited for its lock.
        }
    }

    /// <summary>
    /// A folder that somebody else keeps below --root is not ours to lock or to delete. What create leaves behind when
    /// it is killed has a lock in it, or nothing at all.
    /// </summary>
    private static bool IsContainers(string path) =>
        Directory.Exists(path)
        && (File.Exists(Path.Combine(path, ContainerDirectory.LockName))
        || Directory.GetFileSystemEntries(path).Length == 0);

    /// <summary>As <see cref="Find"/>; fails with the words callers look for.</summary>
    public ContainerDirectory Open(string id) =>
        Find(id) ?? throw new Failure($"container \"{id}\" does not exist");

    /// <summary>The container's state without its lock; fails as <see cref="Open"/> does.</summary>
    public ContainerState Read(string id)
    {
        CheckId(id);
        return ContainerDirectory.Peek(PathOf(id)) ?? throw new Failure($"container \"{id}\" does not exist");
    }

    /// <summary>Ids of all containers, sorted; none where there is no such directory yet.</summary>
    public string[] List()
    {
        if (File.Exists(Root))
            throw new Failure($"--root {Root}: not a directory");
        if (!Directory.Exists(Root))
            return [];
        string[] ids = Array.ConvertAll(Directory.GetDirectories(Root), static path => Path.GetFileName(path));
        Array.Sort(ids, StringComparer.Ordinal);
        return ids;
    }
}
