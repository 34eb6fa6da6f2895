using System.Globalization;
using Sandbox.Linux;
using Sandbox.Sentry.Memory;

namespace Sandbox.Sentry.Filesystems.Tmp;

/// <summary>tmpfs(5): files in memory.</summary>
internal sealed class TmpFileSystem : MemoryFileSystem
{
    private const long Magic = 0x01021994;
    private readonly TmpOptions _options;

    private TmpFileSystem(in TmpOptions options, long maxPages, long maxInodes, MemoryAccount account)
        : base(maxPages, maxInodes, account)
    {
        _options = options;
        uint mode = options.Mode ?? (ModeBits.Sticky | ModeBits.Permissions);
        Root = new TmpDirectory(
            this, new Vfs.NewInode((uint)FileType.Directory | mode, options.UserId ?? 0, options.GroupId ?? 0));
        Root.AddLink();
    }

    /// <summary>
    /// A filesystem of the kernel's own, mounted nowhere and without limits: memfds, shared anonymous memory.
    /// </summary>
    public static TmpFileSystem Internal { get; } = new(default, 0, 0, MemoryAccount.Sandbox);

    /// <summary>As <see cref="Internal"/>, with an account that is charged.</summary>
    public static TmpFileSystem InternalOf(MemoryAccount? account)
    {
        if (account is null)
            return Internal;
        if (Volatile.Read(ref account.Files) is TmpFileSystem files)
            return files;
        TmpFileSystem made = new(default, 0, 0, account); // Its root costs nobody anything.
        return Interlocked.CompareExchange(ref account.Files, made, null) as TmpFileSystem ?? made;
    }

    public override string TypeName => "tmpfs";

    public TmpDirectory Root { get; }

    public override Vfs.Inode RootInode => Root;

    public override string MountOptions
    {
        get
        {
            List<string> parts = [];
            if (_options.SizeBytes is not null && MaxPages != 0)
                parts.Add(string.Create(CultureInfo.InvariantCulture, $"size={MaxPages * (PageBytes / 1024)}k"));
            if (_options.InodeCount is not null && MaxInodes != 0)
                parts.Add(string.Create(CultureInfo.InvariantCulture, $"nr_inodes={MaxInodes}"));
            if (_options.Mode is { } mode)
                parts.Add("mode=" + Convert.ToString(mode, 8));
            if (_options.UserId is { } user and not 0)
                parts.Add(string.Create(CultureInfo.InvariantCulture, $"uid={user}"));
            if (_options.GroupId is { } group and not 0)
                parts.Add(string.Create(CultureInfo.InvariantCulture, $"gid={group}"));
            return string.Join(',', parts);
        }
    }

    /// <summary>A new, empty tmpfs. EINVAL for bad options.</summary>
    /// <param name="source">As /proc/mounts shows it.</param>
    /// <param name="options">The data argument of mount(2).</param>
    /// <param name="memoryBytes">Memory of the sandbox: the default limit is half of it, as Linux has it.</param>
    /// <param name="account">Who is charged for what is in it, or null.</param>
    public static Result<TmpFileSystem> Create(
        string source, string options, long memoryBytes, MemoryAccount? account = null)
    {
        if (TmpOptions.Parse(options, memoryBytes).Failed(out TmpOptions parsed, out Errno error))
            return error;
        long maxPages = PagesOf(parsed.SizeBytes ?? memoryBytes / 2);
        long maxInodes = parsed.InodeCount ?? memoryBytes / 2 / PageBytes;
        account ??= MemoryAccount.Sandbox;
        TmpFileSystem made = new(parsed, maxPages, maxInodes, account) { Source = source };
        return made.TryTakeInode() ? made : Errno.ENOMEM;
    }

    /// <summary>
    /// Remount with other limits (mount(2), MS_REMOUNT). EINVAL if they are too small for what is there.
    /// </summary>
    public Errno Remount(string options, long memoryBytes)
    {
        if (TmpOptions.Parse(options, memoryBytes).Failed(out TmpOptions parsed, out Errno error))
            return error;
        return SetLimits(
            parsed.SizeBytes is { } size ? PagesOf(size) : MaxPages,
            parsed.InodeCount ?? MaxInodes);
    }

    public override Errno GetStatistics(out StatFs statistics)
    {
        statistics = new StatFs
        {
            Type = Magic,
            BlockBytes = PageBytes,
            FragmentBytes = PageBytes,
            NameMaxBytes = Vfs.FileName.MaxBytes,
            FileSystemId = Device,
            Blocks = (ulong)MaxPages,
            BlocksFree = MaxPages == 0 ? 0 : (ulong)FreePages,
            BlocksAvailable = MaxPages == 0 ? 0 : (ulong)FreePages,
            Files = (ulong)MaxInodes,
            FilesFree = (ulong)Math.Max(0, MaxInodes - UsedInodes),
        };
        return Errno.Ok;
    }

    /// <summary>Gives the contents back.</summary>
    public override void Release() => Root.ReleaseTree();
}
