import CKernels

/// A kernel that does in registers what the expressions of an optimizer's step say.
public struct UpdateKernel: Sendable {
  private let function:
    @convention(c) @Sendable (
      fb_dtype, UnsafePointer<UnsafeMutableRawPointer?>?, UnsafePointer<UnsafeRawPointer?>?, UnsafePointer<Double>?,
      Int64, Int64
    ) -> Void

  /// Parameter, mean, square; gradient. The numbers are those of `fb_update_adam`.
  public static let adam = UpdateKernel(function: fb_update_adam)

  /// Overwrites packed targets of `count` elements, float32 or float64.
  public func callAsFunction(
    _ dtype: DType, targets: [UnsafeMutableRawPointer], sources: [UnsafeMutableRawPointer], numbers: [Double],
    count: Int
  ) {
    let targets: [UnsafeMutableRawPointer?] = targets
    let sources: [UnsafeRawPointer?] = sources.map { UnsafeRawPointer($0) }
    targets.withUnsafeBufferPointer { targets in
      sources.withUnsafeBufferPointer { sources in
        numbers.withUnsafeBufferPointer { numbers in
          ThreadPool.run(count: count, grain: 16384) {
            function(
              fb_dtype(dtype.rawValue), targets.baseAddress, sources.baseAddress, numbers.baseAddress,
              Int64($0.lowerBound), Int64($0.upperBound))
          }
        }
      }
    }
  }
}
