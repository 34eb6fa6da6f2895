using Sandbox.Linux;
using Sandbox.Runsc.CommandLine;

namespace Sandbox.Runsc.Spec;

/// <summary>
/// Compiles "linux.seccomp" of config.json for the Sentry, which applies it to the container's processes. What runc and
/// libseccomp do with a profile is the measure: names nobody knows are skipped, rules that say the same as the default
/// are skipped, and several conditions on one argument are alternatives.
/// </summary>
internal static class SeccompProfile
{
    private const string Field = "linux.seccomp";
    private const uint ErrnoMax = 4095, NoPermission = 1, Trace = 0x7FF00000, Trap = 0x30000, Fail = 0x50000;

    private static readonly string[] _architectures =
    [
        "SCMP_ARCH_X86", "SCMP_ARCH_X86_64", "SCMP_ARCH_X32", "SCMP_ARCH_ARM", "SCMP_ARCH_AARCH64", "SCMP_ARCH_MIPS",
        "SCMP_ARCH_MIPS64", "SCMP_ARCH_MIPS64N32", "SCMP_ARCH_MIPSEL", "SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32",
        "SCMP_ARCH_PPC", "SCMP_ARCH_PPC64", "SCMP_ARCH_PPC64LE", "SCMP_ARCH_S390", "SCMP_ARCH_S390X",
        "SCMP_ARCH_PARISC",
        "SCMP_ARCH_PARISC64", "SCMP_ARCH_RISCV64", "SCMP_ARCH_LOONGARCH64", "SCMP_ARCH_M68K", "SCMP_ARCH_SH",
        "SCMP_ARCH_SHEB",
    ];

    /// <summary>True if denials are to be logged.</summary>
    public static bool LogsDenials(SeccompSpec seccomp) =>
        Array.IndexOf(seccomp.Flags ?? [], "SECCOMP_FILTER_FLAG_LOG") >= 0;

    /// <summary>
    /// The program; null if the profile denies nothing. Throws <see cref="Failure"/> naming the field that is wrong.
    /// </summary>
    public static BpfInstruction[]? Compile(SeccompSpec seccomp, string file)
    {
        CheckFlags(seccomp, file);
        SeccompAction standard = Action(
            seccomp.DefaultAction, seccomp.DefaultErrnoRet, $"{file}: {Field}.defaultAction");
        CheckArchitectures(seccomp.Architectures, file);
        // Calls of another architecture are refused by the platform before any filter is asked.
        SeccompFilterBuilder builder = new(standard, SeccompAction.KillThread);
        bool denies = standard != SeccompAction.Allow;
        SeccompRuleSpec[] rules = seccomp.Syscalls ?? [];
        for (int index = 0; index < rules.Length; index++)
        {
            string place = $"{file}: {Field}.syscalls[{index}]";
            SeccompRuleSpec rule = rules[index] ?? throw new Failure($"{place}: must be an object");
            SeccompAction action = Action(rule.Action, rule.ErrnoRet, place + ".action");
            List<SeccompTest[]> tests = Tests(rule.Args ?? [], place);
            if (action == standard)
                continue;
            denies |= action != SeccompAction.Allow;
            foreach (string name in rule.Names ?? throw new Failure($"{place}.names: must be set"))
            {
                if (name is null || !SyscallNames.TryGetNumber(name, out int number))
                    continue; // Other architectures' calls and newer kernels': runc skips them, too.
                foreach (SeccompTest[] alternative in tests)
                    builder.Rule(number, action, alternative);
            }
        }

        if (!denies)
            return null;
        try
        {
            return builder.Build();
        }
        catch (InvalidOperationException)
        {
            throw new Failure($"{file}: {Field}: the filter is longer than the 4096 instructions Linux permits");
        }
    }

    private static SeccompAction Action(string? name, uint? errnoRet, string place)
    {
        uint value = errnoRet ?? NoPermission;
        if (errnoRet is not null && name is not ("SCMP_ACT_ERRNO" or "SCMP_ACT_TRACE"))
            throw new Failure(
                $"{place}: errnoRet only goes with SCMP_ACT_ERRNO and SCMP_ACT_TRACE, not with \"{name}\"");
        if (value > ErrnoMax)
            throw new Failure($"{place}: errnoRet: {value} is not an errno");
        return name switch
        {
            "SCMP_ACT_ALLOW" => SeccompAction.Allow,
            "SCMP_ACT_ERRNO" => new SeccompAction(Fail | value),
            "SCMP_ACT_KILL" or "SCMP_ACT_KILL_THREAD" => SeccompAction.KillThread,
            "SCMP_ACT_KILL_PROCESS" => SeccompAction.KillProcess,
            "SCMP_ACT_TRAP" => new SeccompAction(Trap),
            "SCMP_ACT_TRACE" => new SeccompAction(Trace | value),
            "SCMP_ACT_LOG" => SeccompAction.Log,
            "SCMP_ACT_NOTIFY" => throw new Failure(
                $"{place}: SCMP_ACT_NOTIFY is not supported: a supervisor outside the sandbox cannot look at the container's calls"),
            _ => throw new Failure($"{place}: \"{name}\" is not an action"),
        };
    }

    private static void CheckFlags(SeccompSpec seccomp, string file)
    {
        if (!string.IsNullOrEmpty(seccomp.ListenerPath) || !string.IsNullOrEmpty(seccomp.ListenerMetadata))
            throw new Failure($"{file}: {Field}.listenerPath: is not supported, as SCMP_ACT_NOTIFY is not");
        foreach (string? flag in seccomp.Flags ?? [])
        {
            // TSYNC and SPEC_ALLOW have no effect on a process with one thread that has run nothing;
            // WAIT_KILLABLE_RECV needs a listener.
            if (flag is not ("SECCOMP_FILTER_FLAG_TSYNC" or "SECCOMP_FILTER_FLAG_LOG" or "SECCOMP_FILTER_FLAG_SPEC_ALLOW"
                or "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"))
            {
                throw new Failure($"{file}: {Field}.flags: \"{flag}\" is not a flag");
            }
        }
    }

    /// <summary>
    /// The native architecture is always part of a libseccomp filter; the others have no calls here to filter.
    /// </summary>
    private static void CheckArchitectures(string[]? architectures, string file)
    {
        foreach (string? name in architectures ?? [])
        {
            if (Array.IndexOf(_architectures, name) < 0)
                throw new Failure($"{file}: {Field}.architectures: \"{name}\" is not an architecture");
        }
    }

    /// <summary>Alternatives, each a list of conditions that must all hold.</summary>
    private static List<SeccompTest[]> Tests(SeccompArgumentSpec[] arguments, string place)
    {
        List<SeccompTest> tests = [];
        bool isImpossible = false, repeats = false;
        HashSet<uint> seen = [];
        List<SeccompTest[]> alternatives = [];
        for (int index = 0; index < arguments.Length; index++)
        {
            SeccompArgumentSpec argument = arguments[index]
                ?? throw new Failure($"{place}.args[{index}]: must be an object");
            if (argument.Index > 5)
                throw new Failure($"{place}.args[{index}].index: {argument.Index} is not an argument");
            repeats |= !seen.Add(argument.Index);
            if (Test(argument, $"{place}.args[{index}].op") is not { } test)
            {
                isImpossible = true;
                continue;
            }

            tests.Add(test);
            alternatives.Add([test]);
        }

        return repeats ? alternatives : isImpossible ? [] : [[.. tests]];
    }

    /// <summary>Null: never true.</summary>
    private static SeccompTest? Test(SeccompArgumentSpec argument, string place)
    {
        int index = (int)argument.Index;
        ulong value = argument.Value;
        switch (argument.Op)
        {
            case "SCMP_CMP_EQ":
                return SeccompTest.Equal(index, value);
            case "SCMP_CMP_NE":
                return SeccompTest.NotEqual(index, value);
            case "SCMP_CMP_LE":
                return SeccompTest.AtMost(index, value);
            case "SCMP_CMP_GE":
                return SeccompTest.AtLeast(index, value);
            case "SCMP_CMP_LT":
                return value == 0 ? null : SeccompTest.AtMost(index, value - 1);
            case "SCMP_CMP_GT":
                return value == ulong.MaxValue ? null : SeccompTest.AtLeast(index, value + 1);
            case "SCMP_CMP_MASKED_EQ":
                return (argument.ValueTwo & ~value) != 0 ? null : SeccompTest.Masked(index, value, argument.ValueTwo);
            default:
                throw new Failure($"{place}: \"{argument.Op}\" is not an operator");
        }
    }
}
