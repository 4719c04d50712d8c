/** Kinds that the server has, by group and version. */
const RESOURCES = {
  v1: [
    ['configmaps', 'ConfigMap'],
    ['persistentvolumeclaims', 'PersistentVolumeClaim'],
    ['pods', 'Pod'],
    ['secrets', 'Secret'],
    ['services', 'Service'],
  ],
  'batch/v1': [['jobs', 'Job']],
  'networking.k8s.io/v1': [['networkpolicies', 'NetworkPolicy']],
  'authorization.k8s.io/v1': [['selfsubjectaccessreviews', 'SelfSubjectAccessReview']],
} as const;
type GroupVersion = keyof typeof RESOURCES;

const VERBS = ['create', 'delete', 'get', 'list', 'patch', 'watch'];
const root = (groupVersion: string): string => (groupVersion === 'v1' ? '/api/v1' : `/apis/${groupVersion}`);

/** What a client asks for to find out what there is, by path. */
export const DISCOVERY: ReadonlyMap<string, object> = new Map<string, object>([
  ['/version', { major: '1', minor: '33', gitVersion: 'v1.33.0' }],
  ['/api', { kind: 'APIVersions', versions: ['v1'] }],
  ['/apis', { kind: 'APIGroupList', apiVersion: 'v1', groups: groups() }],
  ['/openapi/v3', { paths: openApiPaths() }],
  ...(Object.keys(RESOURCES) as GroupVersion[]).flatMap((groupVersion): [string, object][] => [
    [root(groupVersion), resourceList(groupVersion)],
    [`/openapi/v3${root(groupVersion)}`, openApi(groupVersion)],
  ]),
]);

function groups(): object[] {
  return Object.keys(RESOURCES).flatMap((groupVersion) => {
    const [name, version] = groupVersion.split('/');
    if (version === undefined) return [];
    const only = { groupVersion, version };
    return [{ name, versions: [only], preferredVersion: only }];
  });
}

function resourceList(groupVersion: GroupVersion): object {
  const resources = RESOURCES[groupVersion].map(([name, kind]) => ({
    ...{ name, kind, singularName: kind.toLowerCase(), verbs: VERBS },
    namespaced: kind !== 'SelfSubjectAccessReview',
  }));
  return { kind: 'APIResourceList', groupVersion, resources };
}

function openApiPaths(): object {
  const paths = Object.keys(RESOURCES).map((groupVersion) => root(groupVersion).slice(1));
  return Object.fromEntries(paths.map((path) => [path, { serverRelativeURL: `/openapi/v3/${path}` }]));
}

/** Says nothing but that the server looks at fields itself, so that kubectl asks it to: `fieldValidation`. */
function openApi(groupVersion: GroupVersion): object {
  const [group, version] = groupVersion === 'v1' ? ['', 'v1'] : groupVersion.split('/');
  const paths = RESOURCES[groupVersion].map(([name, kind]) => {
    const parameters = [{ name: 'fieldValidation', in: 'query', schema: { type: 'string' } }];
    const patch = { parameters, responses: {}, 'x-kubernetes-group-version-kind': { group, version, kind } };
    return [`${root(groupVersion)}/namespaces/{namespace}/${name}/{name}`, { patch }];
  });
  return { openapi: '3.0.0', info: { title: 'Kubernetes', version: '1.33' }, paths: Object.fromEntries(paths) };
}
