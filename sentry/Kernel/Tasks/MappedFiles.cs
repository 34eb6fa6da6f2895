using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Kernel.Tasks;

/// <summary>
/// Which guest file stands behind a host file (device and inode as the host's maps show them), so that /proc/PID/maps
/// can name it. A forked copy shares the table until one of both learns something new.
/// </summary>
internal sealed class MappedFiles(MemoryAccount account)
{
    private const int MaxFiles = 65536;

    private readonly Lock _lock = new();
    private readonly Dictionary<(ulong Device, ulong Inode), VfsPath> _files = []; // Guarded by _lock.
    private int _users = 1; // Guarded by _lock.
    // An image that is loaded and never runs has no end of its own.
    private readonly CollectedCharge _charge = new(account);

    /// <summary>The guest file behind a mapping, or <c>default</c>.</summary>
    public VfsPath Find(ulong device, ulong inode)
    {
        lock (_lock)
            return _files.GetValueOrDefault((device, inode));
    }

    /// <summary>One more address space uses this table.</summary>
    public MappedFiles Share()
    {
        lock (_lock)
            _users++;
        return this;
    }

    /// <summary>An address space is gone; the last one gives back what the table costs.</summary>
    public void Release()
    {
        lock (_lock)
        {
            if (--_users != 0)
                return;
            _charge.Return();
            _files.Clear();
        }
    }

    /// <summary>
    /// Remembers a file; gives the table that knows it, which is another one if others share this. Without memory for
    /// it nobody learns the name, no more.
    /// </summary>
    public MappedFiles Record(ulong device, ulong inode, VfsPath path)
    {
        lock (_lock)
        {
            if (_files.TryGetValue((device, inode), out VfsPath known) && known == path)
                return this;
            if (_users == 1)
            {
                Add((device, inode), path);
                return this;
            }

            MappedFiles copy = new(account);
            if (!copy._charge.TryAddQuietly((long)ObjectCost.MappedFile * _files.Count))
                return this;
            foreach (KeyValuePair<(ulong, ulong), VfsPath> file in _files)
                copy._files.Add(file.Key, file.Value);
            _users--;
            copy.Add((device, inode), path);
            return copy;
        }
    }

    private void Add((ulong, ulong) key, VfsPath path)
    {
        if (_files.ContainsKey(key) || (_files.Count < MaxFiles && _charge.TryAddQuietly(ObjectCost.MappedFile)))
            _files[key] = path;
    }
}
