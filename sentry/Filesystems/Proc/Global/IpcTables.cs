using System.Globalization;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.SystemV;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Proc.Global;

/// <summary>
/// /proc/sysvipc: the objects of the IPC namespace of who reads, and the sysctls that bound them
/// (proc_sysvipc(5), proc_sys_kernel(5)).
/// </summary>
internal static class IpcTables
{
    private const string ShmHeader =
        "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid"
        + "      atime      dtime      ctime                   rss                  swap",
        SemHeader =
        "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime",
        MsgHeader =
        "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid"
        + "      stime      rtime      ctime";

    public static void AddTo(StaticDirectory root, ProcFileSystem proc)
    {
        StaticDirectory ipc = root.AddDirectory("sysvipc");
        Add(ipc, proc, "shm", ShmHeader, static objects => objects.Segments.All, WriteSegment);
        Add(ipc, proc, "sem", SemHeader, static objects => objects.Sets.All, WriteSet);
        Add(ipc, proc, "msg", MsgHeader, static objects => objects.Queues.All, WriteQueue);
    }

    /// <summary>The files below /proc/sys/kernel.</summary>
    public static void AddLimitsTo(StaticDirectory kernel, ProcFileSystem proc)
    {
        foreach ((string name, IpcLimit first, int count) in IpcLimits.Files)
        {
            kernel.Add(name, new WritableTextFile(
                proc,
                (caller, text) =>
                {
                    ((Task)caller).Namespaces.Ipc.Limits.Write(text, first, count);
                    return Errno.Ok;
                },
                (caller, text) => Set((Task)caller, first, count, text)));
        }
    }

    private static Errno Set(Task task, IpcLimit first, int count, ReadOnlySpan<byte> text)
    {
        if (task.Namespaces.Ipc.Limits.Set(first, count, text) is not Errno.Ok and Errno error)
            return error;
        if (first == IpcLimit.RemoveOrphans)
            SystemVObjects.Of(task.Namespaces.Ipc).RemoveOrphans();
        return Errno.Ok;
    }

    private static void Add<T>(
        StaticDirectory directory, ProcFileSystem proc, string name, string header,
        Func<SystemVObjects, IEnumerable<T>> list, Action<ByteBuilder, T, Task> write) =>
        directory.Add(name, new TextFile(proc, (caller, text) =>
        {
            text.AppendLine(header);
            if (caller is not Task task || task.Namespaces.Ipc.SystemV is not { } objects)
                return Errno.Ok;
            using (objects.Lock.Enter())
            {
                foreach (T item in list(objects))
                    write(text, item, task);
            }

            return Errno.Ok;
        }));

    private static void WriteSegment(ByteBuilder text, SharedSegment item, Task viewer)
    {
        const ulong pageMask = 0xFFF;
        int creator = item.Creator?.In(viewer.PidNamespace) ?? 0, last = item.LastUser?.In(viewer.PidNamespace) ?? 0;
        WriteHead(text, item);
        text.Append(string.Create(
            CultureInfo.InvariantCulture, $" {item.Bytes,21} {creator,5} {last,5}  {item.Attachments,5}"));
        WriteOwners(text, item, viewer.Credentials.UserNamespace);
        text.AppendLine(string.Create(
            CultureInfo.InvariantCulture,
            $" {item.AttachTime,10} {item.DetachTime,10} {item.ChangeTime,10} {(item.Bytes + pageMask) & ~pageMask,21}"
            + $" {0,21}"));
    }

    private static void WriteSet(ByteBuilder text, SemaphoreSet item, Task viewer)
    {
        WriteHead(text, item);
        text.Append(string.Create(CultureInfo.InvariantCulture, $" {item.Values.Length,10}"));
        WriteOwners(text, item, viewer.Credentials.UserNamespace);
        text.AppendLine(string.Create(
            CultureInfo.InvariantCulture, $" {item.OperationTime,10} {item.ChangeTime,10}"));
    }

    private static void WriteQueue(ByteBuilder text, MessageQueue item, Task viewer)
    {
        int sender = item.LastSender?.In(viewer.PidNamespace) ?? 0;
        int receiver = item.LastReceiver?.In(viewer.PidNamespace) ?? 0;
        WriteHead(text, item);
        text.Append(string.Create(
            CultureInfo.InvariantCulture, $"  {item.Bytes,10} {item.Count,10} {sender,5} {receiver,5}"));
        WriteOwners(text, item, viewer.Credentials.UserNamespace);
        text.AppendLine(string.Create(
            CultureInfo.InvariantCulture, $" {item.SendTime,10} {item.ReceiveTime,10} {item.ChangeTime,10}"));
    }

    private static void WriteHead(ByteBuilder text, IpcObject item)
    {
        string mode = Convert.ToString(item.Mode, toBase: 8);
        text.Append(string.Create(CultureInfo.InvariantCulture, $"{item.Key,10} {item.Id,10}  {mode,4}"));
    }

    private static void WriteOwners(ByteBuilder text, IpcObject item, UserNamespace viewer)
    {
        uint user = viewer.UserFromKernel(item.UserId), group = viewer.GroupFromKernel(item.GroupId);
        uint creator = viewer.UserFromKernel(item.CreatorUserId);
        uint creatorGroup = viewer.GroupFromKernel(item.CreatorGroupId);
        text.Append(string.Create(
            CultureInfo.InvariantCulture, $" {user,5} {group,5} {creator,5} {creatorGroup,5}"));
    }
}
