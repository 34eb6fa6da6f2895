using System.Globalization;
using System.Text;
using Sandbox.Linux;
using Sandbox.Runsc.CommandLine;

namespace Sandbox.Runsc.Cgroups;

/// <summary>Control files of cgroups: one write(2) each.</summary>
internal static class CgroupFile
{
    public static Errno TryWrite(string path, string value)
    {
        if (HostFile.OpenAt(
            HostFile.CurrentDirectory, Encoding.UTF8.GetBytes(path), OpenFlags.WriteOnly | OpenFlags.CloseOnExec)
            .Failed(out int file, out Errno error))
        {
            return error;
        }

        HostFile.Write(file, Encoding.ASCII.GetBytes(value)).Failed(out _, out error);
        HostFile.Close(file);
        return error;
    }

    /// <summary>
    /// Writes a limit that was asked for. A refused value is an error; a file that this host does not have, or does not
    /// let us write, is named in a warning.
    /// </summary>
    public static void Write(string path, string value)
    {
        Errno error = TryWrite(path, value);
        if (error is Errno.ENOENT or Errno.EROFS or Errno.EACCES or Errno.EPERM)
            ErrorReport.Warn($"limit {Path.GetFileName(path)} = {value} is not applied: {path}: {error}");
        else if (error != Errno.Ok)
            throw new Failure($"write {value} to {path}: {error}");
    }

    /// <inheritdoc cref="Write(string, string)"/>
    public static void Write(string path, long value) => Write(path, value.ToString(CultureInfo.InvariantCulture));

    /// <summary>The file's text without line end, or nothing.</summary>
    public static string Read(string path)
    {
        try
        {
            return File.ReadAllText(path).TrimEnd('\n');
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return string.Empty;
        }
    }
}
