import CImageFormats
import Glibc

/// An image of 8-bit samples, rows from top to bottom, channels side by side.
public struct RawImage: Sendable, Equatable {
  public var width: Int
  public var height: Int
  /// 1 gray, 3 red-green-blue, 4 with alpha.
  public var channels: Int
  /// `height × width × channels` samples.
  public var pixels: [UInt8]

  public init(width: Int, height: Int, channels: Int, pixels: [UInt8]) {
    precondition(pixels.count == width * height * channels, "an image has width × height × channels samples")
    self.width = width
    self.height = height
    self.channels = channels
    self.pixels = pixels
  }
}

/// PNG files through libpng. SeeAlso: torchvision.io.decode_png
public enum PNG {
  /// Larger images are refused: a bit a pixel in the file can be 32 in memory.
  public static let pixelLimit = 1 << 28

  /// The channels to decode to.
  public enum Mode: Sendable {
    /// Gray stays gray, colour becomes RGB; alpha is kept only with RGBA output.
    case unchanged
    case gray, rgb, rgba
  }

  /// Reads an image of any PNG kind; 16-bit samples keep their upper half.
  public static func read(_ path: String, mode: Mode = .unchanged) throws(FileError) -> RawImage {
    try read(FileBytes(mapping: path), mode: mode)
  }

  public static func read(_ file: FileBytes, mode: Mode = .unchanged) throws(FileError) -> RawImage {
    defer { withExtendedLifetime(file) {} }
    guard let data = file.bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else {
      throw FileError(path: file.path, "not a PNG file")
    }
    var message = [CChar](repeating: 0, count: Int(FB_MESSAGE_SIZE))
    func failure() -> FileError {
      FileError(
        path: file.path,
        "it cannot be read as PNG: \(String(decoding: message.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self))")
    }
    var width: UInt32 = 0
    var height: UInt32 = 0
    var natural: Int32 = 0
    var bits: Int32 = 0
    guard fb_png_header(data, file.count, &width, &height, &natural, &bits, &message) == 0 else { throw failure() }
    let channels =
      switch mode {
      case .unchanged: natural == 2 ? 1 : Int(natural)
      case .gray: 1
      case .rgb: 3
      case .rgba: 4
      }
    // No honest file of this size unpacks to more: memory stays in proportion to the file.
    let stored = Int(width) * Int(height) * Int(bits) / 8
    guard Int(width) * Int(height) <= pixelLimit else {
      throw FileError(path: file.path, "an image of \(width) × \(height) is beyond the limit of \(pixelLimit) pixels")
    }
    guard stored <= file.count * Deflate.greatestRatio else {
      throw FileError(path: file.path, "\(file.count) bytes cannot hold an image of \(width) × \(height)")
    }
    let size = Int(width) * Int(height) * channels
    var failed: Int32 = 0
    let pixels = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      failed = fb_png_decode(data, file.count, Int32(channels), buffer.baseAddress, size, &message)
      count = failed == 0 ? size : 0
    }
    guard failed == 0 else { throw failure() }
    return RawImage(width: Int(width), height: Int(height), channels: channels, pixels: pixels)
  }

  /// Writes a gray, RGB or RGBA image atomically. SeeAlso: torchvision.io.write_png
  public static func write(_ image: RawImage, to path: String) throws(FileError) {
    guard [1, 3, 4].contains(image.channels), image.width > 0, image.height > 0 else {
      throw FileError(
        path: path, "no PNG has \(image.channels) channels and \(image.width) × \(image.height) pixels")
    }
    var message = [CChar](repeating: 0, count: Int(FB_MESSAGE_SIZE))
    var out: UnsafeMutablePointer<UInt8>?
    var size = 0
    let status = fb_png_encode(
      image.pixels, UInt32(image.width), UInt32(image.height), Int32(image.channels), &out, &size, &message)
    guard status == 0, let out else {
      throw FileError(
        path: path,
        "it cannot be written as PNG: \(String(decoding: message.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self))")
    }
    defer { free(out) }
    let file = try AtomicFile(path)
    try file.write(UnsafeRawBufferPointer(start: out, count: size))
    try file.commit()
  }
}
