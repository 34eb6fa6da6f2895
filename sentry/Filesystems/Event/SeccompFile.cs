using System.Runtime.InteropServices;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Seccomp;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Sync;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Event;

/// <summary>
/// A seccomp listener: a supervisor in the guest answers other tasks' calls through its ioctls (seccomp_unotify(2)).
/// </summary>
internal sealed class SeccompFile(SeccompListener listener, Credentials credentials)
    : OpenFile(default, OpenFlags.ReadWrite, credentials)
{
    private const uint Receive = 0xC050_2100, Send = 0xC018_2101, IsValid = 0x4008_2102, IsValidOld = 0x8008_2102,
        AddFd = 0x4018_2103, SetFlags = 0x4008_2104;

    public override Inode Inode => AnonymousInode.Shared;

    public override string AnonymousName => "anon_inode:seccomp notify";

    public override WaitQueue Waiters => listener.Waiters;

    public override PollEvents Poll() => listener.Events;

    public override SyscallResult Control(ICaller caller, uint request, ulong argument)
    {
        UserAddress address = new(argument);
        return request switch
        {
            Receive => ReceiveCall(caller, address),
            Send => SendAnswer(caller, address),
            IsValid or IsValidOld => CheckId(caller, address),
            AddFd => AddDescriptor(caller, address),
            SetFlags => argument > 1 ? Errno.EINVAL : 0, // SYNC_WAKE_UP: how a scheduler runs both, no result changes.
            _ => Errno.EINVAL,
        };
    }

    protected override void OnRelease() => listener.Close();

    private SyscallResult ReceiveCall(ICaller caller, UserAddress address)
    {
        if (caller is not Task own)
            return Errno.EINVAL;
        if (caller.Memory.Read(new UserPtr<Notification>(address), out Notification blank)
            is not Errno.Ok and Errno unread)
            return unread;
        if (MemoryMarshal.AsBytes(new Span<Notification>(ref blank)).ContainsAnyExcept((byte)0))
            return Errno.EINVAL;
        Notification[] received = [default];
        Result<int> result = Blocking.Until(
            caller.Sleeper, Waiters, PollEvents.Readable, Deadline.Never, (listener, own, received), static state =>
            {
                if (state.listener.Receive(out ulong id, out Task task, out SeccompData data)
                    is not Errno.Ok and Errno none)
                    return none;
                state.received[0] = new Notification
                {
                    Id = id, ProcessId = (uint)task.Id.In(state.own.PidNamespace), Data = data,
                };
                return 0;
            });
        if (result.Error != Errno.Ok)
            return result.Error;
        Errno error = caller.Memory.Write(new UserPtr<Notification>(address), received[0]);
        if (error != Errno.Ok)
            listener.Return(received[0].Id);
        return error;
    }

    private SyscallResult SendAnswer(ICaller caller, UserAddress address)
    {
        const uint continues = 1;
        if (caller.Memory.Read(new UserPtr<Response>(address), out Response response) is not Errno.Ok and Errno unread)
            return unread;
        bool goesOn = response.Flags == continues;
        if ((response.Flags & ~continues) != 0 || (goesOn && (response.Error != 0 || response.Value != 0)))
            return Errno.EINVAL;
        return listener.Send(
            response.Id, response.Error != 0
                ? new SyscallResult(response.Error)
                : new SyscallResult(response.Value), goesOn);
    }

    private SyscallResult CheckId(ICaller caller, UserAddress address)
    {
        if (caller.Memory.Read(new UserPtr<ulong>(address), out ulong id) is not Errno.Ok and Errno unread)
            return unread;
        return listener.FindReceived(id) is null ? Errno.ENOENT : 0;
    }

    private SyscallResult AddDescriptor(ICaller caller, UserAddress address)
    {
        const uint atNumber = 1, answers = 2;
        if (caller is not Task own)
            return Errno.EINVAL;
        if (caller.Memory.Read(new UserPtr<Addition>(address), out Addition addition) is not Errno.Ok and Errno unread)
            return unread;
        bool closesOnExec = addition.NewFlags == (uint)OpenFlags.CloseOnExec;
        bool isPlaced = (addition.Flags & atNumber) != 0;
        if ((addition.Flags & ~(atNumber | answers)) != 0 || (addition.NewFlags != 0 && !closesOnExec)
            || (!isPlaced && addition.NewFd != 0))
        {
            return Errno.EINVAL;
        }

        if (own.Files.Get(new Fd((int)addition.SourceFd)).Failed(out OpenFile? file, out Errno error))
            return error;
        if (listener.FindReceived(addition.Id) is not { } target)
        {
            file.Release();
            return Errno.ENOENT;
        }

        if (Place(target, file, addition).Failed(out int number, out error))
            return error;
        if ((addition.Flags & answers) != 0
            && listener.Send(addition.Id, number, continues: false) is not Errno.Ok and Errno gone)
            return gone;
        return number;
    }

    // Takes the reference over.
    private static Result<int> Place(Task target, OpenFile file, in Addition addition)
    {
        const uint atNumber = 1;
        bool closesOnExec = addition.NewFlags != 0;
        int limit = target.Group.Limits.OpenFiles;
        if ((addition.Flags & atNumber) == 0)
            return target.Files.Install(file, closesOnExec, limit);
        Errno error = addition.NewFd < (uint)limit
            ? target.Files.Replace((int)addition.NewFd, file, closesOnExec)
            : Errno.EBADF;
        if (error == Errno.Ok)
            return (int)addition.NewFd;
        file.Release();
        return error;
    }

    /// <summary>struct seccomp_notif.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Notification
    {
        public ulong Id;
        public uint ProcessId;
        public uint Flags;
        public SeccompData Data;
    }

    /// <summary>struct seccomp_notif_resp.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Response
    {
        public ulong Id;
        public long Value;
        public int Error;
        public uint Flags;
    }

    /// <summary>struct seccomp_notif_addfd.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Addition
    {
        public ulong Id;
        public uint Flags;
        public uint SourceFd;
        public uint NewFd;
        public uint NewFlags;
    }
}
