import Flameback
import FlamebackCore
import FlamebackKernels

extension OperatorTable {
  static let views: [String: Entry] = [:]
}
