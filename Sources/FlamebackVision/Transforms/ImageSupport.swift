import Flameback

extension DType {
  /// What white is: the greatest value of an integer type, 1 of a floating point type.
  var imageMax: Double {
    self == .bool ? 1 : integerLimits.map { Double($0.greatest) } ?? 1
  }

  /// Bits of an integer type that hold the value, without the sign.
  var valueBits: Int { byteSize * 8 - (isSigned ? 1 : 0) }
}

extension Tensor {
  var height: Int { shape[rank - 2] }
  var width: Int { shape[rank - 1] }
  var channelCount: Int { shape[rank - 3] }

  /// Refuses what is no image [..., channels, height, width].
  func checkImage(_ op: String, channels: [Int] = []) throws(OpError) {
    guard rank >= 3 else { throw OpError(op, "expected an image [..., channels, height, width], got \(spec)") }
    guard channels.isEmpty || channels.contains(channelCount) else {
      throw OpError(op, "expected \(channels.map(String.init).joined(separator: " or ")) channels, got \(spec)")
    }
  }

  /// The image with one leading dimension.
  var asBatch: Tensor { reshape([-1] + shape.array.suffix(3)) }

  /// The floating point image in which arithmetic is done.
  var asFloat: Tensor { dtype.isFloatingPoint ? self : to(.float32) }

  /// Both sides from one or two numbers.
  static func sides(_ size: any Sizes, _ op: String) throws(OpError) -> (height: Int, width: Int) {
    let given = size.sizes
    guard given.count == 1 || given.count == 2, given.allSatisfy({ $0 > 0 }) else {
      throw OpError(op, "a size must be one or two positive ints, got \(given)")
    }
    return (given[0], given[given.count - 1])
  }
}
