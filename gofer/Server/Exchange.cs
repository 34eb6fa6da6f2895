using System.Runtime.CompilerServices;
using Sandbox.Gofer.Protocol;
using Sandbox.Linux;

namespace Sandbox.Gofer;

/// <summary>One request being answered: what came, what goes, and the server it asks.</summary>
internal ref struct Exchange(GoferServer server, MessageReader request, MessageWriter reply)
{
    public readonly GoferServer Server => server;

    public MessageReader Request = request;

    public MessageWriter Reply = reply;

    /// <summary>A descriptor to send along and close afterwards, or -1.</summary>
    public int DonatedFd = -1;

    /// <summary>Instead of <see cref="DonatedFd"/>: several of them, the first <see cref="DonatedCount"/>.</summary>
    public DonatedFds Donated;
    public int DonatedCount;

    /// <summary>Writes the attributes of a descriptor (O_PATH or not) as the reply's body.</summary>
    public Errno ReplyAttributes(int fd)
    {
        if (Confined.Attributes(fd, out GoferAttributes attributes) is not Errno.Ok and Errno error)
            return error;
        Reply.Write(attributes);
        return Errno.Ok;
    }
}

/// <summary>Room for the descriptors of one reply.</summary>
[InlineArray(GoferLimits.OpenManyMax)]
internal struct DonatedFds
{
    private int _first;
}
