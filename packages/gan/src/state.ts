import {
  type Layout,
  NETWORKS,
  type NetworkName,
  type StateLayout,
  type StateRole,
  type StateSection,
} from '@gantry/common';

type Layouts = Readonly<Record<NetworkName, Layout>>;

/** The roles that a network has in the state, in their order. */
function rolesOf(network: NetworkName, hasEma: boolean): readonly StateRole[] {
  const roles: StateRole[] = ['params', 'firstMoment', 'secondMoment'];
  if (network === 'generator' && hasEma) roles.push('ema');
  return roles;
}

/** Lays the whole training state out: D then G, each params, moments, and for G the EMA if one is kept. */
export function createStateLayout(layouts: Layouts, options: { ema: boolean }): StateLayout {
  const sections: StateSection[] = [];
  let offset = 0;
  for (const network of NETWORKS) {
    const layout = layouts[network];
    for (const role of rolesOf(network, options.ema)) {
      sections.push({ network, role, offset, length: layout.length, layout });
      offset += layout.length;
    }
  }
  return { sections, length: offset };
}

/** The state before the first update: initial weights, moments zero, the EMA equal to the weights. */
export function createInitialState(
  layout: StateLayout,
  initial: Readonly<Record<NetworkName, Float32Array>>,
): Float32Array {
  const state = new Float32Array(layout.length);
  for (const { network, role, offset } of layout.sections) {
    if (role === 'params' || role === 'ema') state.set(initial[network], offset);
  }
  return state;
}
