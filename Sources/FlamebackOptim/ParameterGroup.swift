import FlamebackNN

/// Parameters with options of their own. What a group does not say it takes from the optimizer.
///
///     var head = ParameterGroup(model.head.parameters(), lr: 0.1)
///     head[.weightDecay] = 0
///
/// SeeAlso: the param_groups of torch.optim.Optimizer
public struct ParameterGroup {
  public internal(set) var parameters: [ParameterCell]
  var options: Named<StateValue>

  public init(_ parameters: [ParameterCell], lr: Double? = nil) {
    self.parameters = parameters
    options = [:]
    if let lr { self[.lr] = lr }
  }

  init(_ parameters: [ParameterCell], options: Named<StateValue>) {
    self.parameters = parameters
    self.options = options
  }

  /// The value of an option.
  public subscript<Value>(option: OptimizerOption<Value>) -> Value {
    get {
      guard let value = options[option.name].flatMap(Value.init) else {
        fatalError("[optimizer] the group has no option '\(option.name)'")
      }
      return value
    }
    set { options[option.name] = newValue.stateValue }
  }

  /// The value of an option, nil where the optimizer has none of that name.
  public subscript<Value>(ifPresent option: OptimizerOption<Value>) -> Value? {
    options[option.name].flatMap(Value.init)
  }

  /// The learning rate.
  public var lr: Double {
    get { self[.lr] }
    set { self[.lr] = newValue }
  }

  /// Takes over the options it does not have itself, in the optimizer's order.
  mutating func fill(from defaults: Named<StateValue>) {
    var filled = defaults
    for (name, value) in options { filled[name] = value }
    options = filled
  }
}
