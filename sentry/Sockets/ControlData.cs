using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Sockets;

/// <summary>
/// Who sent a message or made a connection (struct ucred), with the pid as an identity rather than a number.
/// </summary>
internal readonly record struct SenderCredentials(Pid? Pid, uint UserId, uint GroupId)
{
    public static SenderCredentials Of(ICaller caller) =>
        new((caller as Task)?.Group.Id, caller.Credentials.UserId, caller.Credentials.GroupId);

    /// <summary>Nobody known: what SO_PASSCRED gives for bytes that were sent before it was set.</summary>
    public static SenderCredentials Unknown =>
        new(null, Security.UserNamespace.OverflowId, Security.UserNamespace.OverflowId);
}

/// <summary>
/// What travels beside the bytes of a message (unix(7), ancillary messages). Owned by whoever holds it: by the sender
/// until it is queued, by the queue, then by the receiver.
/// </summary>
internal sealed class ControlData
{
    /// <summary>SCM_MAX_FD.</summary>
    public const int MaxFiles = 253;

    /// <summary>
    /// SCM_RIGHTS: files with one reference each, or null. Changed by <see cref="FilesInFlight"/> alone.
    /// </summary>
    public OpenFile[]? Files { get; internal set; }

    /// <summary>SCM_CREDENTIALS, or null if neither side asked.</summary>
    public SenderCredentials? Credentials { get; set; }

    /// <summary>
    /// What the sender says to an internet socket (IP_PKTINFO, UDP_SEGMENT…), laid out anew, of known kinds alone.
    /// </summary>
    public AncillaryMessages Network;

    public bool IsEmpty => Files is null && Credentials is null && Network.Bytes.IsEmpty;

    /// <summary>The socket in whose queue it waits; null while a sender or a receiver has it in hand.</summary>
    public Socket? Holder { get; set; }

    // Guarded by the lock of FilesInFlight.
    internal FlightCharge Charge;
    internal ControlData? Next;
    internal ControlData? Previous;

    /// <summary>
    /// Takes over the references, which are in flight until taken or released; false (ETOOMANYREFS), and nothing taken
    /// over, if that are too many.
    /// </summary>
    public bool TrySetFiles(OpenFile[] files, in FlightCharge charge)
    {
        Charge = charge;
        return FilesInFlight.TryEnter(this, files, charge);
    }

    /// <summary>Gives the files, with their references, to the receiver.</summary>
    public OpenFile[]? TakeFiles() => Files is null ? null : FilesInFlight.Leave(this);

    /// <summary>Moves another's files here; they stay in flight.</summary>
    public void MoveFilesFrom(ControlData other) => FilesInFlight.Move(other, this);

    /// <summary>
    /// For MSG_PEEK: the same again, with references of its own. Null files if too many are in flight.
    /// </summary>
    public ControlData Duplicate()
    {
        ControlData copy = new() { Credentials = Credentials };
        if (Files is not { } files)
            return copy;
        OpenFile[] again = (OpenFile[])files.Clone();
        foreach (OpenFile file in again)
            file.AddReference();
        if (!copy.TrySetFiles(again, Charge))
            FilesInFlight.Close(again);
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
