import CKernels

/// A kernel that does in registers what the expressions of an optimizer's step say.
public struct UpdateKernel: Sendable {
  private let function:
    @convention(c) @Sendable (
      fb_dtype, UnsafePointer<UnsafeMutableRawPointer?>?, UnsafePointer<UnsafeRawPointer?>?, UnsafePointer<Double>?,
      Int64, Int64
    ) -> Void
  /// Tells it from all others.
  public let name: String

  /// Parameter, mean, square; gradient. The numbers are those of `fb_update_adam`.
  public static let adam = UpdateKernel(function: fb_update_adam, name: "adam")
  /// Parameter and, with momentum, velocity; gradient. The numbers are those of `fb_update_sgd`.
  public static let sgd = UpdateKernel(function: fb_update_sgd, name: "sgd")

  /// Packed tensors of one kind, float32 or float64, that a kernel overwrites as if they were a single long one.
  public struct Operands {
    fileprivate var targets: [UnsafeMutableRawPointer?] = []
    fileprivate var sources: [UnsafeRawPointer?] = []
    /// Where each parameter ends in the whole.
    fileprivate var ends: [Int] = []

    public init() {}

    public var isEmpty: Bool { ends.isEmpty }

    /// A target or source of the parameter that `endParameter` ends.
    public mutating func append(target: UnsafeMutableRawPointer) { targets.append(target) }
    public mutating func append(source: UnsafeMutableRawPointer) { sources.append(UnsafeRawPointer(source)) }
    public mutating func endParameter(count: Int) { ends.append((ends.last ?? 0) + count) }

    /// Forgets all, but for the room that they took.
    public mutating func removeAll() {
      targets.removeAll(keepingCapacity: true)
      sources.removeAll(keepingCapacity: true)
      ends.removeAll(keepingCapacity: true)
    }

    /// The parameter with element `i` of the whole.
    fileprivate func parameter(of i: Int) -> Int {
      var (low, high) = (0, ends.count)
      while low < high {
        let middle = (low + high) / 2
        if ends[middle] <= i { low = middle + 1 } else { high = middle }
      }
      return low
    }
  }

  public func callAsFunction(_ dtype: DType, _ operands: Operands, numbers: [Double]) {
    guard let count = operands.ends.last, count > 0 else { return }
    let parameters = operands.ends.count
    let (targetCount, sourceCount) = (operands.targets.count / parameters, operands.sources.count / parameters)
    operands.targets.withUnsafeBufferPointer { targets in
      operands.sources.withUnsafeBufferPointer { sources in
        numbers.withUnsafeBufferPointer { numbers in
          ThreadPool.run(count: count, grain: 16384) { range in
            var parameter = operands.parameter(of: range.lowerBound)
            var next = range.lowerBound
            while next < range.upperBound {
              let start = parameter == 0 ? 0 : operands.ends[parameter - 1]
              let end = min(range.upperBound, operands.ends[parameter])
              function(
                fb_dtype(dtype.rawValue), targets.baseAddress! + parameter * targetCount,
                sources.baseAddress! + parameter * sourceCount, numbers.baseAddress, Int64(next - start),
                Int64(end - start))
              next = end
              parameter += 1
            }
          }
        }
      }
    }
  }
}
