using Sandbox.Linux;

namespace Sandbox.Platform.Spawn;

/// <summary>
/// The steps that scripts are usually made of. Names in errors are the system call and its main argument.
/// </summary>
public static class SpawnSteps
{
    private const int CurrentDirectory = HostFile.CurrentDirectory;

    /// <summary>mount(2). Null strings are NULL pointers.</summary>
    public static void Mount(
        this SpawnScript script, string? source, string target, string? type, ulong flags, string? data = null) =>
        script.Add(
            $"mount {target}", Sys.mount, script.TextOrNull(source), script.Text(target), script.TextOrNull(type),
            (long)flags,
            script.TextOrNull(data));

    /// <summary>umount2(2).</summary>
    public static void Unmount(this SpawnScript script, string target, int flags) =>
        script.Add($"umount {target}", Sys.umount2, script.Text(target), flags);

    /// <summary>pivot_root(2).</summary>
    public static void PivotRoot(this SpawnScript script, string newRoot, string oldRoot) =>
        script.Add($"pivot_root {newRoot}", Sys.pivot_root, script.Text(newRoot), script.Text(oldRoot));

    /// <summary>chdir(2).</summary>
    public static void ChangeDirectory(this SpawnScript script, string path) =>
        script.Add($"chdir {path}", Sys.chdir, script.Text(path));

    /// <summary>mkdir(2).</summary>
    public static void MakeDirectory(this SpawnScript script, string path, uint mode) =>
        script.Add($"mkdir {path}", Sys.mkdir, script.Text(path), mode);

    /// <summary>openat(2) of an absolute path; use the result with <see cref="SpawnScript.ResultOf"/>.</summary>
    public static SpawnStep Open(this SpawnScript script, string path, OpenFlags flags, uint mode = 0) =>
        script.Add($"open {path}", Sys.openat, CurrentDirectory, script.Text(path), (long)flags, mode);

    /// <summary>
    /// Writes <paramref name="content"/> to an existing file in one write(2), as /proc files want it.
    /// </summary>
    public static void WriteFile(this SpawnScript script, string path, string content)
    {
        SpawnStep file = script.Open(path, OpenFlags.WriteOnly | OpenFlags.CloseOnExec);
        script.Add(
            $"write {path}", Sys.write, script.ResultOf(file), script.Text(content),
            System.Text.Encoding.UTF8.GetByteCount(content));
        script.Add($"close {path}", Sys.close, script.ResultOf(file));
    }

    /// <summary>dup3(2); when both are the same number, clears close-on-exec instead.</summary>
    public static void Duplicate(this SpawnScript script, int fd, int target)
    {
        const int setFdFlags = 2;
        if (fd == target)
            script.Add($"fcntl {fd}", Sys.fcntl, fd, setFdFlags, 0);
        else
            script.Add($"dup3 {fd} {target}", Sys.dup3, fd, target, 0);
    }

    /// <summary>
    /// Gives the program exactly <paramref name="fds"/>, as descriptors 0, 1, 2…; closes all others. -1 leaves a number
    /// closed. They are first moved out of each other's way, above all of them.
    /// Others stay open until the program executes.
    /// </summary>
    public static void PassDescriptors(this SpawnScript script, ReadOnlySpan<int> fds)
    {
        const int duplicateAbove = 1030; // F_DUPFD_CLOEXEC
        int above = fds.Length;
        foreach (int fd in fds)
            above = Math.Max(above, fd + 1);
        SpawnStep[] moved = new SpawnStep[fds.Length];
        for (int index = 0; index < fds.Length; index++)
        {
            if (fds[index] >= 0)
                moved[index] = script.Add($"dup {fds[index]}", Sys.fcntl, fds[index], duplicateAbove, above);
        }

        for (int index = 0; index < fds.Length; index++)
        {
            if (fds[index] >= 0)
                script.Add($"dup3 {fds[index]} {index}", Sys.dup3, script.ResultOf(moved[index]), index, 0);
            else
                script.AddOptional($"close {index}", Sys.close, index);
        }

        script.CloseFrom(fds.Length);
    }

    /// <summary>
    /// close_range(2) of everything from <paramref name="first"/> on, at the program's start (CLOSE_RANGE_CLOEXEC).
    /// </summary>
    public static void CloseFrom(this SpawnScript script, int first)
    {
        const int closeOnExec = 4;
        script.Add($"close_range {first}", Sys.close_range, first, uint.MaxValue, closeOnExec);
    }

    /// <summary>No signal is blocked, and the broken-pipe signal the runtime ignores is back at its default.</summary>
    public static void ResetSignals(this SpawnScript script)
    {
        const int setMask = 2, brokenPipe = 13, maskBytes = 8;
        script.Add("rt_sigprocmask", Sys.rt_sigprocmask, setMask, script.Bytes(new byte[maskBytes]), 0, maskBytes);
        script.Add("rt_sigaction", Sys.rt_sigaction, brokenPipe, script.Bytes(new byte[32]), 0, maskBytes);
    }

    /// <summary>setgroups(2) to none, setresgid(2), setresuid(2).</summary>
    public static void SetIdentity(this SpawnScript script, uint userId, uint groupId)
    {
        script.Add("setgroups", Sys.setgroups, 0, 0);
        script.Add($"setresgid {groupId}", Sys.setresgid, groupId, groupId, groupId);
        script.Add($"setresuid {userId}", Sys.setresuid, userId, userId, userId);
    }

    /// <summary>prctl(2) with up to four arguments.</summary>
    public static void Control(
        this SpawnScript script, string name, int option, long a1 = 0, long a2 = 0, long a3 = 0, long a4 = 0) =>
        script.Add($"prctl {name}", Sys.prctl, option, a1, a2, a3, a4);

    /// <summary>execveat(2) of a descriptor (AT_EMPTY_PATH): the last step.</summary>
    public static void Execute(
        this SpawnScript script, int fd, ReadOnlySpan<string> arguments, ReadOnlySpan<string> environment) =>
        script.ExecuteArgument(fd, arguments, environment);

    /// <summary>
    /// <see cref="PassDescriptors"/> and <see cref="Execute"/>, where the program's own descriptor may be among the
    /// numbers that are given away.
    /// </summary>
    public static void ExecuteWith(
        this SpawnScript script, int fd, ReadOnlySpan<int> descriptors, ReadOnlySpan<string> arguments,
        ReadOnlySpan<string> environment)
    {
        const int duplicateAbove = 1030; // F_DUPFD_CLOEXEC
        SpawnStep program = script.Add("dup the program", Sys.fcntl, fd, duplicateAbove, descriptors.Length);
        script.PassDescriptors(descriptors);
        script.ExecuteArgument(script.ResultOf(program), arguments, environment);
    }

    private static void ExecuteArgument(
        this SpawnScript script, SpawnArgument fd, ReadOnlySpan<string> arguments, ReadOnlySpan<string> environment) =>
        script.Add(
            $"execute {(arguments.Length > 0 ? arguments[0] : "?")}", Sys.execveat, fd, script.Text(string.Empty),
            script.Texts(arguments), script.Texts(environment), (long)AtFlags.EmptyPath);

    private static SpawnArgument TextOrNull(this SpawnScript script, string? text) =>
        text is null ? 0L : script.Text(text);
}
