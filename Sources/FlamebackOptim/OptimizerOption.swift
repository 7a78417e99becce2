import FlamebackNN

/// The name and type of an optimizer's option: `group[.lr] = 0.1`.
public struct OptimizerOption<Value: OptionValue>: Sendable {
  /// As in PyTorch's state dict.
  public let name: String
  public init(_ name: String) { self.name = name }
}

/// What an option's value may be.
public protocol OptionValue: Sendable {
  var stateValue: StateValue { get }
  init?(_ value: StateValue)
}

extension Double: OptionValue {
  public var stateValue: StateValue { .double(self) }
  public init?(_ value: StateValue) { if let number = value.double { self = number } else { return nil } }
}

extension Int: OptionValue {
  public var stateValue: StateValue { .int(self) }
  public init?(_ value: StateValue) { if let number = value.int { self = number } else { return nil } }
}

extension Bool: OptionValue {
  public var stateValue: StateValue { .bool(self) }
  public init?(_ value: StateValue) { if let number = value.double { self = number != 0 } else { return nil } }
}

extension String: OptionValue {
  public var stateValue: StateValue { .string(self) }
  public init?(_ value: StateValue) { if case .string(let text) = value { self = text } else { return nil } }
}

extension Optional: OptionValue where Wrapped: OptionValue {
  public var stateValue: StateValue { self?.stateValue ?? .none }
  public init?(_ value: StateValue) {
    if case .none = value {
      self = Optional<Wrapped>.none
    } else if let wrapped = Wrapped(value) {
      self = .some(wrapped)
    } else {
      return nil
    }
  }
}

extension Array: OptionValue where Element: OptionValue {
  public var stateValue: StateValue { .tuple(map(\.stateValue)) }
  public init?(_ value: StateValue) {
    guard let elements = value.elements else { return nil }
    self = elements.compactMap(Element.init)
    if count != elements.count { return nil }
  }
}

extension OptimizerOption where Value == Double {
  public static var lr: Self { Self("lr") }
  public static var momentum: Self { Self("momentum") }
  public static var dampening: Self { Self("dampening") }
  public static var weightDecay: Self { Self("weight_decay") }
  public static var eps: Self { Self("eps") }
  public static var alpha: Self { Self("alpha") }
  public static var rho: Self { Self("rho") }
  public static var lrDecay: Self { Self("lr_decay") }
  public static var initialAccumulatorValue: Self { Self("initial_accumulator_value") }
  public static var momentumDecay: Self { Self("momentum_decay") }
  public static var lambd: Self { Self("lambd") }
  public static var t0: Self { Self("t0") }
  public static var beta2Decay: Self { Self("beta2_decay") }
  public static var d: Self { Self("d") }
  public static var toleranceGrad: Self { Self("tolerance_grad") }
  public static var toleranceChange: Self { Self("tolerance_change") }
  /// The learning rate with which a scheduler began.
  public static var initialLR: Self { Self("initial_lr") }
}

extension OptimizerOption where Value == Bool {
  public static var nesterov: Self { Self("nesterov") }
  public static var maximize: Self { Self("maximize") }
  public static var amsgrad: Self { Self("amsgrad") }
  public static var centered: Self { Self("centered") }
  public static var decoupledWeightDecay: Self { Self("decoupled_weight_decay") }
}

extension OptimizerOption where Value == Int {
  public static var maxIter: Self { Self("max_iter") }
  public static var maxEval: Self { Self("max_eval") }
  public static var historySize: Self { Self("history_size") }
  public static var nsSteps: Self { Self("ns_steps") }
}

extension OptimizerOption where Value == [Double] {
  public static var betas: Self { Self("betas") }
  public static var etas: Self { Self("etas") }
  public static var stepSizes: Self { Self("step_sizes") }
  public static var nsCoefficients: Self { Self("ns_coefficients") }
}

extension OptimizerOption where Value == [Double?] {
  public static var adafactorEps: Self { Self("eps") }
}

extension OptimizerOption where Value == String? {
  public static var lineSearch: Self { Self("line_search_fn") }
  public static var adjustLR: Self { Self("adjust_lr_fn") }
}
