package dev.podium;

import io.delta.storage.S3SingleDriverLogStore;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.util.Iterator;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FSDataOutputStreamBuilder;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Options.CreateFileOptionKeys;
import org.apache.hadoop.fs.Path;

/**
 * Delta's log on S3, where a commit is put only if there is none of its number: If-None-Match, as delta-rs puts it.
 *
 * <p>Delta's own log store for S3 looks whether the commit is there and then writes it, which is safe for the writers of one JVM. Of two that
 * are further apart, the second one overwrites what the first has committed. Hadoop's S3A puts conditionally only where it is told to, and has
 * no setting for that.
 *
 * <p>Whatever goes wrong when a commit is put, if there is one afterwards, Delta is told that somebody has been faster: that may be this writer
 * itself, whose answer was lost on the way. Then Delta finds its transaction's identifier among those of the commit, and refuses to repeat it.
 */
public final class ConditionalLogStore extends S3SingleDriverLogStore {
  public ConditionalLogStore(Configuration settings) {
    super(settings);
  }

  @Override
  public void write(Path path, Iterator<String> actions, Boolean overwrite, Configuration settings)
      throws IOException {
    FileSystem store = path.getFileSystem(settings);
    FSDataOutputStreamBuilder<?, ?> builder = store.createFile(path).overwrite(overwrite);
    if (!overwrite) {
      builder.must(CreateFileOptionKeys.FS_OPTION_CREATE_CONDITIONAL_OVERWRITE, true);
    }
    FSDataOutputStream stream = builder.build();
    try {
      while (actions.hasNext()) {
        stream.write((actions.next() + "\n").getBytes(StandardCharsets.UTF_8));
      }
    } catch (IOException | RuntimeException error) {
      stream.abort();
      throw error;
    }
    try {
      stream.close();
    } catch (IOException error) {
      if (overwrite || !store.exists(path)) {
        throw error;
      }
      throw (IOException) new FileAlreadyExistsException(path.toString()).initCause(error);
    }
  }
}
