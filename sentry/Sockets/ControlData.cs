using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Sockets;

/// <summary>Who sent a message or made a connection (struct ucred), with the pid as an identity rather than a number.</summary>
internal readonly record struct SenderCredentials(Pid? Pid, uint UserId, uint GroupId)
{
    public static SenderCredentials Of(ICaller caller) =>
        new((caller as Task)?.Group.Id, caller.Credentials.UserId, caller.Credentials.GroupId);

    /// <summary>Nobody known: what SO_PASSCRED gives for bytes that were sent before it was set.</summary>
    public static SenderCredentials Unknown =>
        new(null, Security.UserNamespace.OverflowId, Security.UserNamespace.OverflowId);
}

/// <summary>
/// What travels beside the bytes of a message (unix(7), ancillary messages). Owned by whoever holds it: by the sender until it
/// is queued, by the queue, then by the receiver.
/// </summary>
internal sealed class ControlData
{
    /// <summary>SCM_MAX_FD.</summary>
    public const int MaxFiles = 253;

    /// <summary>SCM_RIGHTS: files with one reference each, or null.</summary>
    public OpenFile[]? Files { get; private set; }

    /// <summary>SCM_CREDENTIALS, or null if neither side asked.</summary>
    public SenderCredentials? Credentials { get; set; }

    /// <summary>What the sender says to an internet socket (IP_PKTINFO, UDP_SEGMENT…), laid out anew, of known kinds alone.</summary>
    public AncillaryMessages Network;

    public bool IsEmpty => Files is null && Credentials is null && Network.Bytes.IsEmpty;

    /// <summary>
    /// Takes over the references; they count as in flight until taken or released. ETOOMANYREFS is the caller's to
    /// check.
    /// </summary>
    public void SetFiles(OpenFile[] files) => Files = files;

    /// <summary>Gives the files, with their references, to the receiver.</summary>
    public OpenFile[]? TakeFiles()
    {
        OpenFile[]? files = Files;
        Files = null;
        if (files is not null)
            FilesInFlight.Leave(files.Length);
        return files;
    }

    /// <summary>Moves another's files here; they stay in flight.</summary>
    public void MoveFilesFrom(ControlData other) => (Files, other.Files) = (other.Files, null);

    /// <summary>For MSG_PEEK: the same again, with references of its own. Null files if too many are in flight.</summary>
    public ControlData Duplicate()
    {
        ControlData copy = new() { Credentials = Credentials };
        if (Files is not { } files || !FilesInFlight.TryEnter(files.Length))
            return copy;
        foreach (OpenFile file in files)
            file.AddReference();
        copy.Files = (OpenFile[])files.Clone();
        return copy;
    }

    /// <summary>Nobody will receive it: closes what is in it. Without locks held.</summary>
    public void Release()
    {
        Network.Drop();
        if (TakeFiles() is { } files)
            FilesInFlight.Close(files);
    }
}

/// <summary>The files in messages that nobody has received yet, over the whole sandbox.</summary>
internal static class FilesInFlight
{
    /// <summary>
    /// More than this at once is refused (ETOOMANYREFS). Files that wait in each other's queues and can be reached from nowhere
    /// stay counted for ever; the limit is what bounds them.
    /// </summary>
    private const int Max = 16384;

    [ThreadStatic]
    private static List<OpenFile>? _closing;

    private static int _count;

    public static bool TryEnter(int count)
    {
        if (Interlocked.Add(ref _count, count) <= Max)
            return true;
        Leave(count);
        return false;
    }

    public static void Leave(int count) => Interlocked.Add(ref _count, -count);

    /// <summary>
    /// Releases files. A socket among them may hold messages with sockets with messages…: a list instead of recursion, or a
    /// guest could exhaust our stack.
    /// </summary>
    public static void Close(OpenFile[] files)
    {
        if (_closing is { } outer)
        {
            outer.AddRange(files);
            return;
        }

        List<OpenFile> closing = [.. files];
        _closing = closing;
        try
        {
            for (int index = 0; index < closing.Count; index++)
                closing[index].Release();
        }
        finally
        {
            _closing = null;
        }
    }
}
