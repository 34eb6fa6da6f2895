using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Seccomp;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Security;

namespace Sandbox.Sentry.Control;

/// <summary>Turns a process description into the kernel's terms.</summary>
internal static class ProcessAttributes
{
    public static Credentials CredentialsOf(ProcessDescription process)
    {
        CapabilitySet known = CapabilitySet.Full;
        return new Credentials
        {
            UserNamespace = UserNamespace.Root,
            UserId = process.UserId,
            EffectiveUserId = process.UserId,
            SavedUserId = process.UserId,
            FileSystemUserId = process.UserId,
            GroupId = process.GroupId,
            EffectiveGroupId = process.GroupId,
            SavedGroupId = process.GroupId,
            FileSystemGroupId = process.GroupId,
            Groups = (uint[])process.AdditionalGroups.Clone(),
            Bounding = new CapabilitySet(process.Bounding) & known,
            Effective = new CapabilitySet(process.Effective) & known,
            Permitted = new CapabilitySet(process.Permitted) & known,
            Inheritable = new CapabilitySet(process.Inheritable) & known,
            Ambient = new CapabilitySet(process.Ambient) & known,
            NoNewPrivileges = process.NoNewPrivileges,
        };
    }

    /// <summary>What a container's processes are confined to; a null value for nothing. EINVAL, ENOMEM.</summary>
    public static Result<SeccompState?> SeccompOf(ContainerDescription container)
    {
        if (container.SeccompProgram.Length == 0)
            return Result<SeccompState?>.Of(null);
        if (container.SeccompProgram.Length % Unsafe.SizeOf<BpfInstruction>() != 0)
            return Errno.EINVAL;
        BpfInstruction[] code = MemoryMarshal.Cast<byte, BpfInstruction>(container.SeccompProgram).ToArray();
        if (SeccompProgram.Create(code).Failed(out SeccompProgram? program, out Errno error))
            return error;
        SeccompFilter filter = new(program, previous: null) { LogsDenials = container.SeccompLogsDenials };
        return SeccompState.Extend(null, filter) is { } state ? Result<SeccompState?>.Of(state) : Errno.ENOMEM;
    }

    /// <summary>
    /// By path below /proc/sys: a dot becomes a slash, and a slash (in an interface's name) a dot (sysctl.d(5)).
    /// </summary>
    public static Dictionary<string, string> SysctlsOf(ContainerDescription container)
    {
        Dictionary<string, string> values = [];
        foreach ((string name, string value) in container.Sysctl)
        {
            char[] path = name.ToCharArray();
            for (int index = 0; index < path.Length; index++)
                path[index] = path[index] switch { '.' => '/', '/' => '.', char other => other };
            values[new string(path)] = value;
        }

        return values;
    }

    public static Scheduling SchedulingOf(ProcessDescription process) => Scheduling.Default with
    {
        Policy = process.SchedulingPolicy,
        Priority = process.SchedulingPriority,
        ResetsOnFork = process.SchedulingResetsOnFork,
        Nice = process.Nice,
        IoPriority = process.IoPriority,
    };

    public static ResourceLimits LimitsOf(ProcessDescription process)
    {
        ResourceLimits limits = ResourceLimits.Default;
        foreach (LimitDescription limit in process.Limits)
        {
            if ((uint)limit.Resource < (uint)Resource.Count)
                limits = limits.With((Resource)limit.Resource, new Limit(limit.Soft, limit.Hard));
        }

        return limits;
    }

    public static List<byte[]> Bytes(string[] strings)
    {
        List<byte[]> bytes = new(strings.Length);
        foreach (string text in strings)
            bytes.Add(Encoding.UTF8.GetBytes(text));
        return bytes;
    }
}
