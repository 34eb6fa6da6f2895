using System.Buffers.Text;
using System.Globalization;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Proc.Tasks;

/// <summary>
/// /proc/PID/loginuid and sessionid: who logged in, once, and in which session, for the audit trail. pam_loginuid sets
/// it, and lets nobody in where it cannot (kernel/auditsc.c, audit_set_loginuid).
/// </summary>
internal static class LoginTexts
{
    public static Errno WriteUser(ProcTask target, ICaller reader, ByteBuilder text)
    {
        text.Append(target.Task.Login.UserId.ToString(CultureInfo.InvariantCulture));
        return Errno.Ok;
    }

    public static Errno WriteSession(ProcTask target, ICaller reader, ByteBuilder text)
    {
        text.Append(target.Task.Login.Session.ToString(CultureInfo.InvariantCulture));
        return Errno.Ok;
    }

    /// <summary>
    /// Only by the task itself: EPERM. Where a login is set already, another one, or none, needs CAP_AUDIT_CONTROL:
    /// EPERM. A number that is no user id in the writer's user namespace is EINVAL.
    /// </summary>
    public static Errno ReadUser(ProcTask target, ICaller writer, ReadOnlySpan<byte> text)
    {
        if (writer is not Task task || target.Task != task)
            return Errno.EPERM;
        ReadOnlySpan<byte> digits = text.TrimEnd((byte)'\n');
        if (!Utf8Parser.TryParse(digits, out uint user, out int used) || used != digits.Length)
            return Errno.EINVAL;
        if (task.Login.IsSet && !writer.Credentials.Has(Capability.AuditControl))
            return Errno.EPERM;
        task.Login = user == Login.None.UserId ? Login.None : Login.Next(user);
        return Errno.Ok;
    }
}
