import CImageFormats

/// Deflate in its three wrappings, through zlib.
public enum Deflate {
  public enum Kind: Int32, Sendable { case raw = 0, zlib, gzip }

  /// No deflate stream expands further than this, so a claim beyond it is a lie.
  static let greatestRatio = 1032

  /// The content of a stream of unknown size; more than `limit` bytes is an error. Gzip members may follow each other.
  public static func inflate(
    _ source: UnsafeRawBufferPointer, kind: Kind, limit: Int, path: String, place: String = ""
  ) throws(FileError) -> [UInt8] {
    var out: [UInt8] = []
    let base = source.baseAddress?.assumingMemoryBound(to: UInt8.self)
    var at = 0
    repeat {
      guard let inflater = fb_inflate_open(kind.rawValue) else { throw FileError(path: path, "out of memory") }
      defer { fb_inflate_close(inflater) }
      var status = Int32(FB_INFLATE_MORE)
      while status == FB_INFLATE_MORE {
        guard at < source.count else {
          throw FileError(path: path, place: place, "the compressed data end too early")
        }
        var consumed = 0
        var produced = 0
        let room = min(1 << 18, limit - out.count + 1)
        let piece = [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
          status = fb_inflate_run(
            inflater, base! + at, source.count - at, &consumed, buffer.baseAddress!, room, &produced)
          count = produced
        }
        at += consumed
        out += piece
        if status == FB_INFLATE_DAMAGED || (consumed == 0 && produced == 0 && status == FB_INFLATE_MORE) {
          throw FileError(path: path, place: place, "the compressed data are damaged")
        }
        if out.count > limit { throw FileError(path: path, place: place, "more than \(limit) bytes unpacked") }
      }
    } while kind == .gzip && at < source.count && source[at] == 0x1F
    return out
  }

  /// The content of a stream that must have exactly `size` bytes.
  static func inflate(
    _ source: UnsafeRawBufferPointer, kind: Kind, size: Int, path: String, place: String
  ) throws(FileError) -> FileBytes {
    guard size <= source.count.multipliedReportingOverflow(by: greatestRatio).partialValue &+ 64 else {
      throw FileError(path: path, place: place, "\(source.count) compressed bytes cannot hold \(size)")
    }
    return try FileBytes(count: size, path: path) { out throws(FileError) in
      guard let inflater = fb_inflate_open(kind.rawValue) else { throw FileError(path: path, "out of memory") }
      defer { fb_inflate_close(inflater) }
      let base = source.baseAddress?.assumingMemoryBound(to: UInt8.self)
      let to = out.baseAddress!.assumingMemoryBound(to: UInt8.self)
      var at = 0
      var done = 0
      var status = Int32(FB_INFLATE_MORE)
      while status == FB_INFLATE_MORE {
        var consumed = 0
        var produced = 0
        var spare: UInt8 = 0  // one byte beyond the claim tells a longer stream
        if done < size {
          status = fb_inflate_run(
            inflater, base.map { $0 + at }, source.count - at, &consumed, to + done, size - done, &produced)
        } else {
          status = fb_inflate_run(inflater, base.map { $0 + at }, source.count - at, &consumed, &spare, 1, &produced)
          if produced > 0 { throw FileError(path: path, place: place, "more than the \(size) bytes announced") }
        }
        at += consumed
        done += produced
        if status == FB_INFLATE_DAMAGED || (consumed == 0 && produced == 0 && status == FB_INFLATE_MORE) {
          throw FileError(path: path, place: place, "the compressed data are damaged")
        }
      }
      guard done == size else { throw FileError(path: path, place: place, "\(done) bytes instead of \(size)") }
    }
  }

  /// `source` compressed at `level` 1 … 9.
  public static func deflate(_ source: UnsafeRawBufferPointer, kind: Kind, level: Int = 6) -> [UInt8] {
    let room = fb_deflate_bound(source.count)
    return [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
      var produced = room
      let empty: [UInt8] = [0]
      let status = empty.withUnsafeBufferPointer { empty in
        fb_deflate(
          kind.rawValue, Int32(level), source.baseAddress?.assumingMemoryBound(to: UInt8.self) ?? empty.baseAddress,
          source.count, buffer.baseAddress, &produced)
      }
      precondition(status == 0, "deflate has room for its bound")
      count = produced
    }
  }

  /// The checksum of zip, gzip and PNG.
  public static func crc32(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    guard let base = bytes.baseAddress else { return 0 }
    return fb_crc32(0, base.assumingMemoryBound(to: UInt8.self), bytes.count)
  }
}
