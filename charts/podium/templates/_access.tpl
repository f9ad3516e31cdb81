{{- /* Rules for a service account of the release: in every namespace with `clusterWide`, else in each namespace of runs. */}}
{{- define "podium.access" -}}
{{- $root := .root }}
{{- $cluster := $root.Values.clusterWide }}
{{- $kind := ternary "ClusterRole" "Role" $cluster }}
{{- $name := ternary (printf "%s-%s" $root.Release.Namespace .name) .name $cluster }}
{{- range $namespace := ternary (list "") (include "podium.runNamespaces" $root | fromJsonArray) $cluster }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $kind }}
metadata:
  name: {{ $name }}
  {{- with $namespace }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- $.labels | nindent 4 }}
rules:
  {{- $.rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $kind }}Binding
metadata:
  name: {{ $name }}
  {{- with $namespace }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- $.labels | nindent 4 }}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: {{ $kind }}, name: {{ $name }}}
subjects:
  - {kind: ServiceAccount, name: {{ $.name }}, namespace: {{ $root.Release.Namespace }}}
{{- end }}
{{- end }}
