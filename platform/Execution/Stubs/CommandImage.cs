using System.Buffers.Binary;
using Sandbox.Linux;

namespace Sandbox.Platform.Stubs;

/// <summary>A command as the stub's loop reads it (<see cref="StubLayout.CommandBytes"/>).</summary>
internal static class CommandImage
{
    public static void Write(Span<byte> image, in HostCommand command, int stop)
    {
        BinaryPrimitives.WriteInt32LittleEndian(image, command.Number);
        BinaryPrimitives.WriteInt32LittleEndian(image[StubLayout.CommandStop..], stop);
        ReadOnlySpan<long> arguments = [command.A0, command.A1, command.A2, command.A3, command.A4, command.A5];
        for (int i = 0; i < arguments.Length; i++)
            BinaryPrimitives.WriteInt64LittleEndian(image[(StubLayout.CommandArguments + (8 * i))..], arguments[i]);
        BinaryPrimitives.WriteInt64LittleEndian(image[StubLayout.CommandResult..], -(long)Errno.ECANCELED);
    }
}
