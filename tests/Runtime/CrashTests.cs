using Sandbox.Harness;
using Xunit;

namespace Sandbox.RuntimeTests;

/// <summary>Nothing is left of a container, however it ends.</summary>
public sealed class CrashTests : ContainerTests
{
    [Fact]
    public void Fifty_containers_start_at_once_and_end_well()
    {
        List<HostProgram> running = [];
        for (int i = 0; i < 50; i++)
        {
            Bundle bundle = Busybox("sh", "-c", $"echo container {i}; sleep 1; exit {i}").Write();
            running.Add(Runsc.Start("run", "--bundle", bundle.Folder, RunscState.NewId()));
        }

        for (int i = 0; i < running.Count; i++)
        {
            HostResult result = running[i].Wait(Minutes(4));
            running[i].Dispose();
            Assert.True(result.Status == i && result.Output == $"container {i}\n", result.ToString());
        }

        Assert.Empty(ProcessesOf(Runsc.Scratch));
    }

    public static MatrixTheoryData<string, int> Victims => new(["notify", "ptrace"], [0, 1, 2, 3, 4, 5]);

    [Theory, MemberData(nameof(Victims))]
    public void When_any_of_its_processes_is_killed_the_container_can_be_deleted_and_nothing_is_left(
        string platform, int victim)
    {
        Runsc.GlobalFlags.Add($"--platform={platform}");
        Bundle bundle = Busybox("sh", "-c", "sleep 1000 & echo up; wait").Write();
        string id = RunscState.NewId();
        using HostProgram run = Runsc.Start("run", "--bundle", bundle.Folder, id);
        Assert.True(run.WaitForOutput("up", Minutes(1)), "the container does not start");
        List<int> processes = Descendants(run.Pid);
        processes.Insert(0, run.Pid);
        int pid = processes[victim % processes.Count];
        HostProgram.SignalProcess(pid, 9);
        Thread.Sleep(300);
        HostResult deleted = Runsc.Run("delete", "--force", id);
        Assert.True(deleted.Status == 0, $"killed {pid} of {string.Join(' ', processes)}: {deleted}");
        run.Wait(TimeSpan.FromSeconds(10));
        for (int i = 0; i < 100 && processes.Exists(IsAlive); i++)
            Thread.Sleep(50);
        Assert.DoesNotContain(processes, IsAlive);
        Assert.DoesNotContain(Runsc.Root, File.ReadAllText("/proc/self/mounts"));
        Assert.DoesNotContain(id, Succeeds(Runsc.Run("list")));
    }

    [Fact]
    public void Deleting_by_force_what_is_not_there_succeeds() =>
        Succeeds(Runsc.Run("delete", "--force", "never-was"));

    [Fact]
    public void A_folder_that_is_no_containers_is_left_alone()
    {
        string file = Path.Combine(Runsc.Root, "precious", "file");
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, "kept");
        Succeeds(Runsc.Run("delete", "--force", "precious"));
        FailsNaming("does not exist", Runsc.Run("delete", "precious"));
        Assert.Equal("kept", File.ReadAllText(file));
        Directory.Delete(Path.GetDirectoryName(file)!, recursive: true);
    }

    private static bool IsAlive(int pid) =>
        File.Exists($"/proc/{pid}/stat") && !ReadStat(pid).Contains(") Z", StringComparison.Ordinal);

    private static string ReadStat(int pid)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid}/stat");
        }
        catch (IOException)
        {
            return ") Z"; // gone between the two looks
        }
    }

    /// <summary>All processes below this one in the host's process tree, parents first.</summary>
    private static List<int> Descendants(int root)
    {
        List<int> found = [];
        Queue<int> toVisit = new([root]);
        while (toVisit.TryDequeue(out int parent))
        {
            foreach (string folder in Directory.GetDirectories("/proc"))
            {
                if (!int.TryParse(Path.GetFileName(folder), out int pid))
                    continue;
                string stat = ReadStat(pid);
                string[] fields = stat[(stat.LastIndexOf(')') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
                if (fields.Length > 1 && fields[1] == parent.ToString())
                {
                    found.Add(pid);
                    toVisit.Enqueue(pid);
                }
            }
        }

        return found;
    }

    /// <summary>The processes whose command line mentions a folder.</summary>
    private static List<string> ProcessesOf(string folder)
    {
        List<string> found = [];
        foreach (string process in Directory.GetDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(process), out _))
                continue;
            try
            {
                string line = File.ReadAllText(Path.Combine(process, "cmdline")).Replace('\0', ' ');
                if (line.Contains(folder, StringComparison.Ordinal))
                    found.Add(line);
            }
            catch (IOException)
            {
                // It has ended meanwhile.
            }
        }

        return found;
    }
}
