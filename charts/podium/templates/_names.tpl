{{- define "podium.fullname" -}}
{{- ternary .Release.Name (printf "%s-podium" .Release.Name) (contains "podium" .Release.Name) | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- /* The labels by which the pods of a component are found: (list $ "ingest"). */}}
{{- define "podium.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: podium
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "podium.labels" -}}
{{- $root := index . 0 -}}
{{ include "podium.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ $root.Chart.Name }}-{{ $root.Chart.Version }}
{{- end }}

{{- define "podium.image" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
{{- with $root.Values.images -}}
{{ get .overrides $component | default (printf "%s/%s:%s" .repository $component (.tag | default $root.Chart.AppVersion)) }}
{{- end }}
{{- end }}

{{- /* JSON lists of namespaces: those of runs, and those with any pod of ours. */}}
{{- define "podium.runNamespaces" -}}
{{ .Values.namespaces | default (list .Release.Namespace) | uniq | toJson }}
{{- end }}

{{- define "podium.namespaces" -}}
{{ prepend (include "podium.runNamespaces" . | fromJsonArray) .Release.Namespace | uniq | toJson }}
{{- end }}
