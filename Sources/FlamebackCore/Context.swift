import FlamebackKernels
import Synchronization

/// The ambient state of the running task: read once per operation, changed only for a scope.
///
/// Kernels and worker threads never read it.
public final class Context: Sendable {
  package struct Values: Sendable {
    var recordsGradients = true
    /// Whether weights are probably read again before they change.
    var readsWeightsAgain = true
    var isInference = false
    var defaultDevice = Device.cpu
    var tracer: Tracer?
    var errorBox: ErrorBox?
    var detectsAnomalies = false
    var generator: Generator?
    var autocastDType: DType?
    /// Functions to call at the end of the backward pass that runs now.
    var backwardEnd: BackwardEnd?

    /// Whether kernels may keep other forms of weights: without gradients the same weight serves call after call.
    var keepsForms: Bool { !recordsGradients && readsWeightsAgain }
  }

  let values: Values
  @TaskLocal static var local: Context?
  private static let root = Context(Values())

  init(_ values: Values) { self.values = values }

  static var current: Context { local ?? root }

  func with(_ change: (inout Values) -> Void) -> Context {
    var values = values
    change(&values)
    return Context(values)
  }

  var errorBox: ErrorBox? { values.errorBox }
  var tracer: Tracer? { values.tracer }

  private static let defaultDTypeCode = Atomic<UInt8>(DType.float32.rawValue)

  /// The dtype of new floating point tensors without one. SeeAlso: torch.get_default_dtype, torch.set_default_dtype
  public static var defaultDType: DType {
    get { DType(rawValue: defaultDTypeCode.load(ordering: .relaxed))! }
    set {
      guard newValue.isFloatingPoint else {
        return report(OpError("setDefaultDType", "expected a floating point dtype, got \(newValue)"))
      }
      defaultDTypeCode.store(newValue.rawValue, ordering: .relaxed)
    }
  }

  /// Where new tensors lie unless told otherwise. SeeAlso: torch.get_default_device
  public static var defaultDevice: Device { current.values.defaultDevice }
  /// Whether operations record gradients. SeeAlso: torch.is_grad_enabled
  public static var isGradEnabled: Bool { current.values.recordsGradients }
  /// SeeAlso: torch.is_inference_mode_enabled
  public static var isInferenceMode: Bool { current.values.isInference }

  /// Whether an error was recorded in the innermost `withErrors`.
  package static var hasFailed: Bool { current.errorBox?.error != nil }

  /// Whether errors are gathered by `withErrors` instead of ending the program.
  package static var gathersErrors: Bool { current.errorBox != nil }

  /// Whether operations are being written down.
  package static var isTracing: Bool { current.tracer != nil }

  package static func scoped<R>(_ change: (inout Values) -> Void, _ body: () throws -> R) rethrows -> R {
    try $local.withValue(current.with(change), operation: body)
  }

  package static func scoped<R>(
    isolation: isolated (any Actor)? = #isolation, _ change: (inout Values) -> Void, _ body: () async throws -> R
  ) async rethrows -> R {
    try await $local.withValue(current.with(change), operation: body)
  }
}

/// Runs `body` without recording gradients. SeeAlso: torch.no_grad
public func noGrad<R>(_ body: () throws -> R) rethrows -> R {
  try Context.scoped({ $0.recordsGradients = false }, body)
}

/// Runs `body` recording gradients, inside `noGrad` too. SeeAlso: torch.enable_grad
public func enableGrad<R>(_ body: () throws -> R) rethrows -> R {
  try Context.scoped({ $0.recordsGradients = true }, body)
}

/// Runs `body` with gradient recording on or off. SeeAlso: torch.set_grad_enabled
public func setGradEnabled<R>(_ enabled: Bool, _ body: () throws -> R) rethrows -> R {
  try Context.scoped({ $0.recordsGradients = enabled }, body)
}

/// Runs `body` without recording anything; its tensors can never take part in a gradient. SeeAlso: torch.inference_mode
public func inferenceMode<R>(_ body: () throws -> R) rethrows -> R {
  try Context.scoped(
    {
      $0.recordsGradients = false
      $0.isInference = true
    }, body)
}

/// Whether linear layers may keep packed copies of their weights while `body` runs. They do by default where no gradients
/// are recorded: products of 2 to 64 rows take half to nine tenths of the time, for as much memory again as the weights.
/// A weight of over 128 MB has none, and a weight that changes loses its own.
public func keepingPackedWeights<R>(_ enabled: Bool, _ body: () throws -> R) rethrows -> R {
  try Context.scoped({ $0.readsWeightsAgain = enabled }, body)
}

/// Runs `body` with another default device. SeeAlso: torch.device as a context manager
public func withDefaultDevice<R>(_ device: Device, _ body: () throws -> R) rethrows -> R {
  try Context.scoped({ $0.defaultDevice = device }, body)
}

/// Runs `body` with call sites recorded: a backward that fails or gives NaN names its forward operation.
/// SeeAlso: torch.autograd.set_detect_anomaly
public func detectAnomaly<R>(_ body: () throws -> R) rethrows -> R {
  try Context.scoped({ $0.detectsAnomalies = true }, body)
}
