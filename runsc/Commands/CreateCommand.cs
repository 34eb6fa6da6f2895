using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.Launch;
using Sandbox.Runsc.Spec;
using Sandbox.Runsc.State;

namespace Sandbox.Runsc.Commands;

/// <summary><c>create</c>: everything but running the container's program.</summary>
internal static class CreateCommand
{
    public static Command Definition { get; } = new()
    {
        Name = "create",
        Usage = "CONTAINER",
        Summary = "make a container from a bundle, without starting its process",
        Flags = CreateFlags.All,
        Run = Run,
    };

    private static int Run(GlobalOptions options, Arguments arguments)
    {
        (string id, string bundle, byte[] config, Specification specification) = CreateFlags.Read(arguments);
        int preserved = CreateFlags.PreserveFds(arguments);
        using ConsolePair? console = ConsolePair.For(
            specification.Process!, arguments.Get("console-socket"), isDetached: true);
        using ContainerDirectory directory = new StateDirectory(options.Root).Create(id);
        Make(options, directory, config, specification, new LaunchRequest(bundle, console?.Slave ?? -1, preserved),
            launch =>
            CreateFlags.WritePidFile(arguments.Get("pid-file"), launch.State.Monitor.Id));
        return 0;
    }

    /// <summary>Launches into a new directory; what fails leaves no directory.</summary>
    public static void Make(
        GlobalOptions options, ContainerDirectory directory, byte[] config, Specification specification,
        LaunchRequest request, Action<ContainerLaunch> made)
    {
        try
        {
            directory.SaveConfig(config);
            using ContainerLaunch launch = new(options, directory, specification, request);
            launch.Run();
            made(launch);
        }
        catch
        {
            ContainerLife.Destroy(directory);
            throw;
        }
    }
}
